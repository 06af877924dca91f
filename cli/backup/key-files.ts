// The keys of a home: which files they are, and where they are when the environment keeps them elsewhere.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import type { Environment } from '../../runtime/config.ts';
import { copyNew } from './files.ts';
import type { FileDigest } from './manifest.ts';
import { keyFile } from './manifest.ts';

/** What of a home is keys, as one unit: a registry of approvers is worth nothing beside other keys. */
export const KEY_PLACES = ['keys', 'approvers.json'] as const;

/** Copies the key files of a home into the folder of a backup. */
export async function copyKeys(
  home: string,
  folder: string,
  signal: AbortSignal,
): Promise<(FileDigest & { path: string })[]> {
  const copied: (FileDigest & { path: string })[] = [];
  for (const path of keyPaths(home)) {
    const to = join(folder, keyFile(path));
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
    copied.push({ path, ...(await copyNew(join(home, path), to, signal)) });
  }
  return copied;
}

/** From the home, with `/`. Half-written files of a writer that died are none. */
function keyPaths(home: string): readonly string[] {
  const keys = join(home, 'keys');
  const found = existsSync(keys) ? readdirSync(keys, { recursive: true, withFileTypes: true }) : [];
  const paths = found
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && !/\.(tmp|next)$/.test(entry.name))
    .map((entry) => relative(home, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
  return existsSync(join(home, 'approvers.json')) ? [...paths, 'approvers.json'] : paths;
}

/** Where the key-encryption keys are, for a person. Repeats no key. */
export function keyPlace(environment: Environment, home: string): string {
  if (environment.COUNTERSIGN_KEK !== undefined) return 'the variable COUNTERSIGN_KEK';
  if (environment.COUNTERSIGN_VAULT_KEY !== undefined) return `the transit key ${environment.COUNTERSIGN_VAULT_KEY}`;
  return environment.COUNTERSIGN_KEK_FILE ?? join(home, 'keys');
}

/** Whether the home's own folder holds the key-encryption keys. */
export const keepsOwnKeys = (environment: Environment): boolean =>
  environment.COUNTERSIGN_KEK === undefined &&
  environment.COUNTERSIGN_VAULT_KEY === undefined &&
  environment.COUNTERSIGN_KEK_FILE === undefined;
