// The codec server as a process: listens until it is told to stop, or its parent is gone. Nobody imports this; the command
// `codec serve` and the local stack spawn it.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { loadConfig, readEnvironment } from '../runtime/config.ts';
import { messageOf, UserError } from '../runtime/errors.ts';
import { createLogger } from '../runtime/logger.ts';
import type { CodecBackend } from './codec-backend.ts';
import { createCodecServer } from './codec-server.ts';

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    'allow-origin': { type: 'string', multiple: true, default: [] },
    /** Holds the secret path segment of a development stack, which may still be starting. */
    'secret-file': { type: 'string' },
  },
});
const log = createLogger({ logLevel: readEnvironment().COUNTERSIGN_LOG_LEVEL ?? 'info', name: 'countersign-codec' });

let opened: Promise<CodecBackend> | undefined;
/** Once; a failure is not kept: the stack's file appears when its servers are up. */
function backend(): Promise<CodecBackend> {
  opened ??= openBackend().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

async function openBackend(): Promise<CodecBackend> {
  const config = loadConfig({ role: 'gateway' });
  if (values['secret-file'] !== undefined && config.mode !== 'development') {
    throw new UserError('A secret path stands for an identity on a development stack only');
  }
  // With all that it brings: the port is told before.
  const { openCodecBackend } = await import('./codec-backend.ts');
  return await openCodecBackend(config);
}

try {
  const secretFile = values['secret-file'];
  if (secretFile === undefined) await backend();
  const server = createCodecServer({
    backend,
    log,
    origins: values['allow-origin'],
    ...(secretFile !== undefined && { secret: readSecret(secretFile) }),
  });
  let stopping = false;
  const stop = async (why: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log.info({ why }, 'stopping');
    server.close();
    server.closeIdleConnections();
    await once(server, 'close');
    await (await opened?.catch(() => undefined))?.close();
    log.info('stopped');
    if (process.connected) process.disconnect();
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  process.on('disconnect', () => void stop('parent is gone'));
  server.listen({ host: values.host, port: Number(values.port) });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  log.info({ host: values.host, port }, 'listening');
  process.send?.({ type: 'ready', port });
} catch (error) {
  const hint = error instanceof UserError ? error.hint : undefined;
  log.fatal({ hint }, messageOf(error));
  process.send?.({ type: 'failed', message: messageOf(error), hint });
  process.exitCode = 1;
  await (await opened?.catch(() => undefined))?.close();
  if (process.connected) process.disconnect();
}

function readSecret(path: string): string {
  const secret = readFileSync(path, 'utf8').trim();
  if (!/^[\w-]{32,}$/.test(secret)) throw new UserError(`${path} holds no secret path of 32 characters or more`);
  return secret;
}
