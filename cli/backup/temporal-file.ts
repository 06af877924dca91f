// Temporal's database, copied while its server may write to it: by SQLite's online backup, never as a plain file.
import { chmodSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';
import { messageOf, UserError } from '../../runtime/errors.ts';
import { digestOfFile } from './files.ts';
import type { FileDigest } from './manifest.ts';

/** 8 MiB a step at SQLite's usual page size; between steps progress is told. */
const PAGES_A_STEP = 2000;
const BUSY_TIMEOUT_MS = 30_000;

/**
 * @param onProgress 0–1
 * @throws UserError when it cannot be read as a SQLite database
 */
export async function copyTemporal(
  from: string,
  to: string,
  signal: AbortSignal,
  onProgress: (fraction: number) => void = () => {},
): Promise<FileDigest> {
  const source = new DatabaseSync(from, { timeout: BUSY_TIMEOUT_MS });
  try {
    // A backup in steps begins anew whenever somebody else writes in between. Within a transaction of ours it sees one state.
    source.exec('begin');
    source.prepare('select count(*) from sqlite_schema').get();
    await backup(source, to, {
      rate: PAGES_A_STEP,
      progress: ({ totalPages, remainingPages }) => onProgress(1 - remainingPages / Math.max(1, totalPages)),
    });
  } catch (cause) {
    throw new UserError(`Temporal's database ${from} could not be copied: ${messageOf(cause)}`, {
      hint: 'Check the free space; `npx countersign doctor` says how the stack is.',
      cause,
    });
  } finally {
    source.close();
  }
  signal.throwIfAborted();
  chmodSync(to, 0o600);
  return await digestOfFile(to, signal);
}
