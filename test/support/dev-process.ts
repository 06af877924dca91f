// `countersign dev` with the stand-in worker, as a process of its own that tests may kill. Prints its stack as one line of JSON.
import { fileURLToPath } from 'node:url';
import { startStack } from '../../cli/stack/supervisor.ts';

const stack = await startStack({
  home: process.argv[2] ?? '',
  env: process.env,
  sample: true,
  workerEntry: fileURLToPath(new URL('./stand-in-worker-process.ts', import.meta.url)),
  onProgress: ({ part, text }) => process.stderr.write(`${part}: ${text}\n`),
});
process.on('SIGTERM', async () => {
  await stack.stop();
  process.exit(0);
});
process.stdout.write(`${JSON.stringify(stack.stack)}\n`);
