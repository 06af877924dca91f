// Ports on the loopback address: the usual ones while they are free, others when they are not.
import { connect, createServer } from 'node:net';

export const LOOPBACK = '127.0.0.1';

/** Where people expect things; each is used only while nobody else has it. */
export const USUAL_PORTS = { temporal: 7233, temporalUi: 8233, database: 54330, shop: 8234, codec: 8235 } as const;

/** Whether a server could listen on this loopback port now. */
export async function isFree(port: number): Promise<boolean> {
  return (await tryListen(port)) !== undefined;
}

/** `preferred` if it is free and not in `avoid`, else one that the system picks. */
export async function pickPort(preferred?: number, avoid: readonly number[] = []): Promise<number> {
  if (preferred !== undefined && !avoid.includes(preferred) && (await isFree(preferred))) return preferred;
  for (;;) {
    const port = await tryListen(0);
    if (port !== undefined && !avoid.includes(port)) return port;
  }
}

/** Whether something accepts connections on this port. */
export async function isListening(port: number, host: string = LOOPBACK, timeoutMs = 1000): Promise<boolean> {
  const socket = connect({ host, port, timeout: timeoutMs });
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('timeout', () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}

async function tryListen(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    return await new Promise<number | undefined>((resolve) => {
      server.once('error', () => resolve(undefined));
      server.listen({ host: LOOPBACK, port, exclusive: true }, () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : undefined);
      });
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
