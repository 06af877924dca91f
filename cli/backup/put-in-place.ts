// Puts restored files in place by renames, and moves what was there aside. If one fails, those before it are undone.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** PostgreSQL's folder goes last and comes first: a home without one is taken for new. */
export const DATA_PLACES = ['temporal.db', 'temporal.db-wal', 'temporal.db-shm', 'secrets.json', 'postgres'] as const;

export const hasData = (home: string): boolean =>
  ['postgres', 'temporal.db'].some((name) => existsSync(join(home, name)));

/**
 * @param names what to replace, in the order in which it is moved aside; what `from` lacks is only moved aside
 * @returns the folder under the home that holds what was there, when something was
 */
export function putInPlace(
  home: string,
  from: string,
  { names, aside }: { readonly names: readonly string[]; readonly aside: string },
): string | undefined {
  const done: { readonly from: string; readonly to: string }[] = [];
  const move = (source: string, target: string): void => {
    renameSync(source, target);
    done.push({ from: source, to: target });
  };
  const old = names.filter((name) => existsSync(join(home, name)));
  try {
    if (old.length > 0) mkdirSync(aside, { mode: 0o700 });
    for (const name of old) move(join(home, name), join(aside, name));
    for (const name of names.toReversed()) {
      if (existsSync(join(from, name))) move(join(from, name), join(home, name));
    }
  } catch (error) {
    for (const { from: source, to } of done.toReversed()) renameSync(to, source);
    rmSync(aside, { recursive: true, force: true });
    throw error;
  }
  return old.length > 0 ? aside : undefined;
}
