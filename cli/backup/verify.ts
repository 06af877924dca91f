// Checks a backup against its manifest, byte for byte, before anything is touched for it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../runtime/errors.ts';
import { digestOfFile } from './files.ts';
import type { FileDigest, Manifest } from './manifest.ts';
import { keyFile, TEMPORAL_FILE, tableFile } from './manifest.ts';

/** @throws UserError that names the first file that is missing or reads otherwise */
export async function verifyBackup(
  folder: string,
  manifest: Manifest,
  signal: AbortSignal,
  onProgress: (fraction: number) => void,
): Promise<void> {
  const files = filesOf(manifest);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const { path, bytes, sha256 } of files) {
    const file = join(folder, path);
    if (!existsSync(file)) throw damaged(`${file} is missing`);
    const found = await digestOfFile(file, signal, (more) => {
      done += more;
      onProgress(Math.min(1, done / Math.max(1, total)));
    });
    if (found.bytes !== bytes || found.sha256 !== sha256) throw damaged(`${file} is not as it was written`);
  }
}

const filesOf = ({ temporal, tables, keys }: Manifest): readonly (FileDigest & { path: string })[] => [
  { ...temporal, path: TEMPORAL_FILE },
  ...tables.map((table) => ({ ...table, path: tableFile(table.name) })),
  ...keys.files.map((each) => ({ ...each, path: keyFile(each.path) })),
];

const damaged = (what: string): UserError =>
  new UserError(`The backup is damaged: ${what}`, { hint: 'Take another backup. Nothing was changed.' });
