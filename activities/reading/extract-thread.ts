// The thread that makes files text: one file after the other, for extractor.ts, which ends it when a file takes too long or too much.
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../../runtime/errors.ts';
import { extractText } from './extract-text.ts';
import type { ExtractRequest } from './extractor.ts';

parentPort?.on('message', async ({ format, bytes }: ExtractRequest) => {
  const extracted = await extractText(format, Buffer.from(bytes)).catch((cause: unknown) => ({
    ok: false,
    reason: `cannot be read as ${format.toUpperCase()} (${messageOf(cause)
      .slice(0, 120)
      .replace(/[^\x20-\x7e]/g, '?')})`,
  }));
  parentPort?.postMessage(extracted);
});
