// A parser as bad as they come, in the place of the extracting thread: what it does, its file says.
import { parentPort } from 'node:worker_threads';

parentPort?.on('message', ({ bytes }: { bytes: Uint8Array }) => {
  const order = Buffer.from(bytes).toString();
  const kept: unknown[] = [];
  if (order === 'hang') for (;;) kept.length = 0;
  if (order === 'fill objects') for (;;) kept.push({ of: 'memory', more: [kept.length] });
  if (order === 'fill buffers') for (;;) kept.push(Buffer.alloc(4 * 1024 * 1024, 1));
  if (order === 'exit') process.exit(3);
  if (order === 'throw') throw new TypeError(`in the middle of ${order}`);
  parentPort?.postMessage({ ok: true, text: order, title: '' });
});
