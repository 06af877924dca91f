// What a principal, a release and a tenant have spent on models today, held against budgets.yaml in the transaction that claims a call: two workers at once
// do not both get the last of it.
import { ApplicationFailure } from '@temporalio/common';
import type { DayBudget } from '../policies/day-budgets.ts';
import type { Transaction } from '../runtime/database.ts';
import type { BudgetLimit, DayLimit, SpentBudget } from '../workflows/protocol/index.ts';
import { DAY_LIMITS, Failure } from '../workflows/protocol/index.ts';

export interface DayLimits {
  readonly principal: string;
  /** Name of the run's release, without its version. */
  readonly release: string;
  readonly budgets: readonly DayBudget[];
  /** By {@link extensionOf}: beyond which soft limits people let this run go. */
  readonly extended: ReadonlySet<string>;
}

/** A soft limit of a budget and a day with the hard one, as people saw them: where budgets.yaml has others by now, they are asked anew. */
export const extensionOf = ({ limit, budget, day, unit, soft, hard }: Omit<SpentBudget, 'used'>): string =>
  `${limit} ${budget} ${day} ${unit} ${soft} ${hard}`;

export const isDayLimit = (limit: BudgetLimit): limit is DayLimit =>
  (DAY_LIMITS as readonly BudgetLimit[]).includes(limit);

/** Of UTC, as the ledger counts days. */
export const dayOf = (time: Date): string => time.toISOString().slice(0, 10);

/**
 * Inside a transaction, after the claim: the locks are held until it ends.
 *
 * @throws ApplicationFailure BudgetAsks at a soft limit that nobody lifted, BudgetExhausted over a hard one; non-retryable
 */
export async function requireWithinDay(tx: Transaction, tenant: string, limits: DayLimits): Promise<void> {
  const spentBy = new Map<DayBudget['per'], Spent>();
  for (const { name, per, tokens: ofTokens, cost_usd: ofCost } of budgetsOf(limits)) {
    const spent = spentBy.get(per) ?? (await spentToday(tx, tenant, scopeOf(per, limits)));
    spentBy.set(per, spent);
    for (const [limit, used, unit] of [
      [ofTokens, spent.tokens, 'tokens'],
      [ofCost, spent.usd, 'usd'],
    ] as const) {
      if (limit === undefined) continue;
      const { soft = Number.POSITIVE_INFINITY, hard } = limit;
      const budget: SpentBudget = { limit: `${per}-day`, unit, used, soft, hard, budget: name, day: spent.day };
      if (used > hard) throw exhausted(whose(per, tenant, limits), budget);
      if (used > soft && !limits.extended.has(extensionOf(budget))) throw asks(whose(per, tenant, limits), budget);
    }
  }
}

/** Those that count a run of this release. */
const budgetsOf = ({ budgets, release }: DayLimits): readonly DayBudget[] =>
  budgets.filter((budget) => budget.release === undefined || budget.release === release);

interface Scope {
  readonly principal?: string;
  readonly release?: string;
}

function scopeOf(per: DayBudget['per'], { principal, release }: DayLimits): Scope {
  if (per === 'principal') return { principal };
  return per === 'release' ? { release } : {};
}

function whose(per: DayBudget['per'], tenant: string, { principal, release }: DayLimits): string {
  if (per === 'principal') return principal;
  return per === 'release' ? `Release ${release}` : `Tenant ${tenant}`;
}

interface Spent {
  /** Of UTC, by the ledger's clock. */
  readonly day: string;
  readonly tokens: number;
  readonly usd: number;
}

/**
 * Settled calls by what they cost; others, and those whose provider did not say how much, by what they may. Of a call that was tried again, each
 * attempt that may have been paid for.
 */
async function spentToday(tx: Transaction, tenant: string, scope: Scope): Promise<Spent> {
  const { principal = null, release = null } = scope;
  const [row] = await tx<{ day: string; tokens: string; usd: string }[]>`
    select to_char(now() at time zone 'UTC', 'YYYY-MM-DD') as day,
      coalesce(sum(coalesce(nullif(r.input_tokens + r.output_tokens, 0), c.tokens)), 0)::text as tokens,
      coalesce(sum(coalesce(r.cost_usd, c.usd)), 0)::text as usd
    from (
      select c.call_key, c.reserved_tokens as tokens, c.reserved_usd as usd,
        row_number() over (partition by c.call_key order by c.attempt desc) = 1 as latest
      from model_calls c join start_ledger l on l.run_id = c.run_id
      where c.tenant = ${tenant} and (${principal}::text is null or l.requester = ${principal})
        and (${release}::text is null or l.release_digest in (
          select digest from releases where tenant = ${tenant} and name = ${release}))
        and c.claimed_at >= date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'
        and not exists (select from model_refusals f where f.call_key = c.call_key and f.attempt = c.attempt)) c
    left join model_results r on r.call_key = c.call_key and c.latest`;
  if (row === undefined) throw new Error('The ledger did not say what was spent today');
  return { day: row.day, tokens: Number(row.tokens), usd: Number(row.usd) };
}

/** Calls that count towards one budget are counted one after the other. Locked in one order by all. */
export async function lockDay(tx: Transaction, tenant: string, limits: DayLimits): Promise<void> {
  const scopes = new Set(budgetsOf(limits).map(({ per }) => per));
  for (const per of (['tenant', 'release', 'principal'] as const).filter((each) => scopes.has(each))) {
    const { principal = '', release = '' } = scopeOf(per, limits);
    await tx`select pg_advisory_xact_lock(hashtextextended(${`day ${tenant} ${per} ${principal}${release}`}, 0))`;
  }
}

const exhausted = (who: string, spent: SpentBudget): ApplicationFailure =>
  ApplicationFailure.create({
    message: `${who} has used up ${spent.budget} of ${spent.day}: ${spent.hard} ${spent.unit}. Nothing was sent.`,
    type: Failure.BudgetExhausted,
    nonRetryable: true,
    details: [spent.limit],
  });

const asks = (who: string, spent: SpentBudget): ApplicationFailure =>
  ApplicationFailure.create({
    message: `${who} has come to the soft limit of ${spent.budget} on ${spent.day}: ${spent.soft} ${spent.unit}. Nothing was sent.`,
    type: Failure.BudgetAsks,
    nonRetryable: true,
    details: [spent],
  });
