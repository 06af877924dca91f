// What commands share that evaluate a release: the stack, the ledger, the release, the progress line.
import type { Evaluated } from '../../evals/runner/evaluate.ts';
import type { EvalSet } from '../../releases/eval-set.ts';
import type { Release } from '../../releases/release.ts';
import type { Config } from '../../runtime/config.ts';
import type { Database, Sql } from '../../runtime/database.ts';
import type { Principal } from '../../workflows/protocol/index.ts';
import { DEFAULT_TENANT } from '../../workflows/protocol/index.ts';
import { withGatewayLedger } from '../gateway-ledger.ts';
import { wholeNumber } from '../option-values.ts';
import { note, progressLine } from '../output.ts';
import type { Session } from '../session.ts';
import { identityOf, withClient } from '../session.ts';

export interface Measuring extends Session {
  readonly db: Database;
  readonly sql: Sql;
}

export const TENANT = DEFAULT_TENANT;
const MAX_CONCURRENCY = 64;

/** Runs `use` with a client on the running stack, and its ledger as the gateway role. */
export async function withMeasuring<T>(
  home: string | undefined,
  use: (measuring: Measuring) => Promise<T>,
): Promise<T> {
  const measuring = async (session: Session): Promise<T> =>
    await withGatewayLedger(home, async ({ db }) => await use({ ...session, db, sql: db.of(TENANT) }), 8);
  return await withClient(home, measuring);
}

export interface MeasureOptions {
  readonly set: EvalSet;
  readonly release: Release;
  /** Development identity that asks. */
  readonly as?: string | undefined;
  readonly trials?: number | undefined;
  readonly concurrency?: number | undefined;
  readonly anew?: boolean | undefined;
}

/** One evaluation, with its progress on stderr; Ctrl-C leaves it to be gone on with. */
export async function measure(
  { client, config, sql }: Measuring,
  { set, release, as, trials, concurrency, anew }: MeasureOptions,
): Promise<Evaluated> {
  const { evaluate } = await import('../../evals/runner/evaluate.ts');
  const { interruptible } = await import('../backup/interruptible.ts');
  const principal = await askerOf(config, release, as);
  const { name, version } = release.body;
  const line = progressLine(`${name}@${version} on ${set.name}`);
  try {
    const evaluated = await interruptible(
      (signal) =>
        evaluate({
          ...{ client, sql, tenant: TENANT, release, set, principal, trials, signal, anew },
          ...(concurrency !== undefined && { concurrency }),
          onProgress: (text, fraction) => line.update(text, fraction),
        }),
      { message: 'Stopped. What was measured is kept: the same command goes on with it within a day.', exitCode: 2 },
    );
    line.done();
    if (evaluated.resumed)
      note(`evaluation ${evaluated.id} was cut off before, and was gone on with; --anew begins another`);
    return evaluated;
  } finally {
    line.done();
  }
}

/** Who asks a release: the development identity that was named, or the one that such releases are for. */
export async function askerOf(
  config: Config,
  { body }: Release,
  as: string | undefined,
): Promise<Principal | undefined> {
  return (await identityOf(config, as, body.tools === undefined ? 'customer' : 'staff')).principal;
}

export const concurrencyOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : wholeNumber('--concurrency', text, MAX_CONCURRENCY);
export const trialsOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : wholeNumber('--trials', text, 20);
