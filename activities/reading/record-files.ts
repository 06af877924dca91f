// Reads single lines of JSONL files again, in any order: a file stays open while lines of it are read.
import type { FileHandle } from 'node:fs/promises';
import { findSource, openSource } from './source-files.ts';

export type ReadLine =
  | { readonly ok: true; readonly content: Buffer }
  | { readonly ok: false; readonly reason: string };

export interface RecordFiles extends AsyncDisposable {
  /** @param path inside the folder */
  read(path: string, line: { readonly offset: number; readonly bytes: number }): Promise<ReadLine>;
}

export function openRecordFiles(folder: string): RecordFiles {
  let current: { readonly path: string; readonly handle: FileHandle } | undefined;
  const close = async (): Promise<void> => {
    const { handle } = current ?? {};
    current = undefined;
    await handle?.close();
  };
  return {
    async read(path, { offset, bytes }) {
      if (current?.path !== path) {
        await close();
        const found = await findSource(folder, path);
        const opened = found.ok ? await openSource(found) : found;
        if (!opened.ok) return opened;
        current = { path, handle: opened.handle };
      }
      const content = Buffer.alloc(bytes);
      const { bytesRead } = await current.handle.read(content, 0, bytes, offset);
      if (bytesRead < bytes) return { ok: false, reason: 'its file is shorter' };
      return { ok: true, content };
    },
    [Symbol.asyncDispose]: close,
  };
}
