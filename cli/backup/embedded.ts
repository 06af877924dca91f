// Which stacks these commands are for: those whose PostgreSQL and Temporal are our own, and lie in the home.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../../runtime/config.ts';
import { UserError } from '../../runtime/errors.ts';

const ELSEWHERE = 'docs/operations.md says how to back up servers of your own.';

/** @throws UserError, wrong use, when the environment names other servers */
export function requireEmbedded(environment: Environment): void {
  for (const name of ['DATABASE_URL', 'TEMPORAL_ADDRESS'] as const) {
    if (environment[name] === undefined) continue;
    throw new UserError(
      `${name} names a server that is not of the local stack, and only the local stack's own are copied`,
      {
        hint: `Unset it to work on the home folder. ${ELSEWHERE}`,
        exitCode: 64,
      },
    );
  }
}

/** @throws UserError when the home lacks one of the two databases */
export function requireData(home: string): void {
  for (const name of ['temporal.db', 'postgres']) {
    if (existsSync(join(home, name))) continue;
    throw new UserError(`There is nothing to back up in ${home}: it has no ${name}`, {
      hint: `Name the data folder of \`npx countersign dev\` with --home. ${ELSEWHERE}`,
    });
  }
}

/** @throws UserError when the running stack uses another's server */
export function requireOwn(home: string, ours: { readonly database: boolean; readonly temporal: boolean }): void {
  if (ours.database && ours.temporal) return;
  const what = ours.database ? 'Temporal server' : 'database';
  throw new UserError(`The stack that runs on ${home} uses a ${what} that is not its own`, { hint: ELSEWHERE });
}
