// What a principal has spent on models today, held against budgets.yaml in the transaction that claims a call: two workers at once
// do not both get the last of it.
import { ApplicationFailure } from '@temporalio/common';
import type { DayBudget } from '../policies/day-budgets.ts';
import type { Transaction } from '../runtime/database.ts';
import type { SpentBudget } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';

export interface DayLimits {
  readonly principal: string;
  readonly budgets: readonly DayBudget[];
  /** By {@link extensionOf}: beyond which soft limits people let this run go. */
  readonly extended: ReadonlySet<string>;
}

/** A soft limit of a budget and a day with the hard one, as people saw them: where budgets.yaml has others by now, they are asked anew. */
export const extensionOf = ({ budget, day, unit, soft, hard }: Omit<SpentBudget, 'limit' | 'used'>): string =>
  `${budget} ${day} ${unit} ${soft} ${hard}`;

/** Of UTC, as the ledger counts days. */
export const dayOf = (time: Date): string => time.toISOString().slice(0, 10);

/**
 * Inside a transaction, after the claim: the lock is held until it ends.
 *
 * @throws ApplicationFailure BudgetAsks at a soft limit that nobody lifted, BudgetExhausted over a hard one; non-retryable
 */
export async function requireWithinDay(tx: Transaction, tenant: string, limits: DayLimits): Promise<void> {
  const { principal, budgets, extended } = limits;
  const { day, tokens, usd } = await spentToday(tx, tenant, principal);
  for (const { name, tokens: ofTokens, cost_usd: ofCost } of budgets) {
    for (const [limit, used, unit] of [
      [ofTokens, tokens, 'tokens'],
      [ofCost, usd, 'usd'],
    ] as const) {
      if (limit === undefined) continue;
      const { soft = Number.POSITIVE_INFINITY, hard } = limit;
      const spent: SpentBudget = { limit: 'principal-day', unit, used, soft, hard, budget: name, day };
      if (used > hard) throw exhausted(principal, spent);
      if (used > soft && !extended.has(extensionOf(spent))) throw asks(principal, spent);
    }
  }
}

interface Spent {
  /** Of UTC, by the ledger's clock. */
  readonly day: string;
  readonly tokens: number;
  readonly usd: number;
}

/** Settled calls by what they cost, others by what they may. A call that was tried again counts once. */
async function spentToday(tx: Transaction, tenant: string, principal: string): Promise<Spent> {
  const [row] = await tx<{ day: string; tokens: string; usd: string }[]>`
    select to_char(now() at time zone 'UTC', 'YYYY-MM-DD') as day,
      coalesce(sum(coalesce(r.input_tokens + r.output_tokens, c.tokens)), 0)::text as tokens,
      coalesce(sum(case when r.call_key is null then c.usd else r.cost_usd end), 0)::text as usd
    from (
      select c.call_key, max(c.reserved_tokens) as tokens, max(c.reserved_usd) as usd
      from model_calls c join start_ledger l on l.run_id = c.run_id
      where c.tenant = ${tenant} and l.requester = ${principal}
        and c.claimed_at >= date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'
      group by c.call_key) c
    left join model_results r on r.call_key = c.call_key`;
  if (row === undefined) throw new Error('The ledger did not say what was spent today');
  return { day: row.day, tokens: Number(row.tokens), usd: Number(row.usd) };
}

/** Calls of one principal are counted one after the other. */
export async function lockDay(tx: Transaction, tenant: string, principal: string): Promise<void> {
  await tx`select pg_advisory_xact_lock(hashtextextended(${`day ${tenant} ${principal}`}, 0))`;
}

const exhausted = (principal: string, spent: SpentBudget): ApplicationFailure =>
  ApplicationFailure.create({
    message: `${principal} has used up ${spent.budget} of ${spent.day}: ${spent.hard} ${spent.unit}. Nothing was sent.`,
    type: Failure.BudgetExhausted,
    nonRetryable: true,
    details: [spent.limit],
  });

const asks = (principal: string, spent: SpentBudget): ApplicationFailure =>
  ApplicationFailure.create({
    message: `${principal} has come to the soft limit of ${spent.budget} on ${spent.day}: ${spent.soft} ${spent.unit}. Nothing was sent.`,
    type: Failure.BudgetAsks,
    nonRetryable: true,
    details: [spent],
  });
