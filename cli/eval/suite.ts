// Which set of cases `--suite` names: a file, or a set beside a release in the releases folder.
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { EvalSet } from '../../releases/eval-set.ts';
import { UserError } from '../../runtime/errors.ts';

export interface Suite {
  readonly set: EvalSet;
  readonly path: string;
  /** Of the folder that it stands in; `undefined` for a file elsewhere. */
  readonly release: string | undefined;
}

/**
 * @param name a path that ends in .json, or the name of a set
 * @throws UserError that lists which there are
 */
export async function findSuite(releasesDir: string, name: string): Promise<Suite> {
  // The schemas that cases are read by take time to load.
  const { readEvalSet } = await import('../../releases/eval-set.ts');
  if (name.endsWith('.json')) {
    const path = resolve(name);
    return { set: readEvalSet(path), path, release: undefined };
  }
  const suites = suitesIn(releasesDir, readEvalSet);
  const found = suites.find(({ set }) => set.name === name);
  if (found !== undefined) return found;
  const there = suites.map(({ set }) => set.name);
  throw new UserError(`There is no eval set ${name}`, {
    hint:
      there.length === 0
        ? `No release in ${releasesDir} has an evals.json. A file of cases can be named by its path, ending in .json.`
        : `There are: ${there.join(', ')}. A file of cases can be named by its path, ending in .json.`,
    exitCode: 64,
  });
}

/** Each evals.json beside a manifest. @throws UserError for one that is malformed */
function suitesIn(releasesDir: string, read: (path: string) => EvalSet): readonly Suite[] {
  if (!existsSync(releasesDir)) return [];
  return readdirSync(releasesDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(releasesDir, entry.name, 'evals.json')))
    .map((entry) => {
      const path = join(releasesDir, entry.name, 'evals.json');
      return { path, set: read(path), release: entry.name };
    });
}
