// Turns at a provider's rate limit, taken in the ledger by all workers together. Waits here rather than being told 429.
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { RatedModel, RateLimit } from '../policies/rate-limits.ts';
import { rateLimitOf } from '../policies/rate-limits.ts';
import type { Database } from '../runtime/database.ts';
import { Failure } from '../workflows/protocol/index.ts';

/** An attempt waits no longer, unless told so: it holds a slot of its worker, and has its own time to keep. */
const LONGEST_WAIT_MS = 45_000;

export interface RatedCall {
  /** For the connection alone: rates are of providers, and all tenants share them. */
  readonly tenant: string;
  readonly model: RatedModel;
  /** Input and output, at most. */
  readonly tokens: number;
  /** Aborted: stops waiting. The turn is used up. */
  readonly signal: AbortSignal;
  /** Who would have to wait longer does not. With the request it must fit into the activity's own time. @default 45000 */
  readonly longestWaitMs?: number;
}

export interface Turn {
  /** Milliseconds waited. */
  readonly waitedMs: number;
  /** Gives back what was not used. */
  settle(usedTokens: number): Promise<void>;
  /** The provider said 429: nobody asks before, five minutes at most. */
  pause(forMs: number): Promise<void>;
}

export interface ModelRates {
  /**
   * Resolves when it is this call's turn, first come, first served; at once, and without a statement, for a model without a limit.
   *
   * @throws ApplicationFailure ModelRateLimited with the time to wait as its delay, when that is more than `longestWaitMs`
   */
  turn(call: RatedCall): Promise<Turn>;
}

const FREE: Turn = { waitedMs: 0, settle: async () => {}, pause: async () => {} };

export function createModelRates(db: Database, limits: readonly RateLimit[]): ModelRates {
  return {
    async turn({ tenant, model, tokens, signal, longestWaitMs = LONGEST_WAIT_MS }) {
      const limit = rateLimitOf(limits, model);
      if (limit === undefined) return FREE;
      const sql = db.of(tenant);
      const { name, requests_per_minute: requests = null, tokens_per_minute: tokensAMinute = null } = limit;
      const [row] = await sql<{ wait: number }[]>`
        select countersign.reserve_model_rate(${name}, ${requests}, ${tokensAMinute}, ${tokens},
          make_interval(secs => ${longestWaitMs / 1000})) as wait`;
      if (row === undefined) throw new Error(`The ledger did not say when it is the turn of a call under ${name}`);
      const waitMs = Math.ceil(row.wait);
      if (row.wait > longestWaitMs) throw full(name, waitMs);
      if (waitMs > 0) await sleep(waitMs, undefined, { signal });
      return {
        waitedMs: waitMs,
        async settle(usedTokens) {
          if (tokensAMinute === null) return;
          await sql`select countersign.settle_model_rate(${name}, ${tokensAMinute}, ${tokens - usedTokens})`;
        },
        async pause(forMs) {
          await sql`select countersign.pause_model_rate(${name}, make_interval(secs => ${forMs / 1000}))`;
        },
      };
    },
  };
}

function full(name: string, waitMs: number): ApplicationFailure {
  return ApplicationFailure.create({
    message: `Calls for ${Math.ceil(waitMs / 1000)} seconds wait at the rate limit ${name}. Nothing was sent.`,
    type: Failure.ModelRateLimited,
    nonRetryable: false,
    nextRetryDelay: waitMs,
  });
}
