// The sample shop as a process: `node examples/shop/service.ts --data shop.db [--port 8234]`. Ends on SIGTERM, and with its parent.
import { parseArgs } from 'node:util';
import { startShop } from './shop.ts';

const USAGE = 'usage: service.ts --data FILE [--port PORT]';

try {
  const { dataFile, port } = readArguments();
  const shop = await startShop({ dataFile, port });
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await shop.close();
    if (process.connected) process.disconnect();
  };
  for (const name of ['SIGTERM', 'SIGINT', 'disconnect'] as const) process.on(name, () => void stop());
  // The parent may have gone while we started.
  if (process.send !== undefined && !process.connected) await stop();
  else process.send?.({ type: 'ready', port: shop.port });
  process.stdout.write(`the shop listens at ${shop.url}\n`);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`error: ${message}\n`);
  process.send?.({ type: 'failed', message });
  process.exitCode = 1;
  if (process.connected) process.disconnect();
}

function readArguments(): { dataFile: string; port: number } {
  const { values } = parseArgs({ options: { data: { type: 'string' }, port: { type: 'string', default: '0' } } });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`--port is not a port. ${USAGE}`);
  if (values.data === undefined || values.data === '') throw new Error(`--data is missing. ${USAGE}`);
  return { dataFile: values.data, port };
}
