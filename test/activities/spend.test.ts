// What counts towards which budget of a day: of principals, releases and tenants. In a real PostgreSQL, as the worker role.
import { beforeEach, describe, expect, it } from 'vitest';
import type { SettledReply } from '../../activities/model-calls.ts';
import { createModelCalls } from '../../activities/model-calls.ts';
import type { DayLimits } from '../../activities/spend.ts';
import { extensionOf } from '../../activities/spend.ts';
import type { DayBudget } from '../../policies/day-budgets.ts';
import { newKey } from '../../runtime/keys/index.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();
let tenant = '';
let count = 0;

/** Releases `desk` in two versions, and `night`. A tenant a test. */
beforeEach(async () => {
  tenant = `t${count++}`;
  for (const [name, version] of [
    ['desk', '1'],
    ['desk', '2'],
    ['night', '1'],
  ] as const) {
    await database.sql('owner')`insert into releases (tenant, digest, name, version, body, published_by)
      values (${tenant}, ${`${tenant}-${name}-${version}`}, ${name}, ${version}, '{}', 'p')`;
  }
});

interface Asked {
  readonly by: string;
  readonly release?: string;
  readonly version?: string;
  readonly tokens: number;
  readonly usd?: number;
  readonly extended?: readonly string[];
}

/** A run of its own that claims one call. */
async function spend(budgets: readonly DayBudget[], asked: Asked): Promise<unknown> {
  const { by, release = 'desk', version = '1', tokens, usd = null, extended = [] } = asked;
  const runId = `${tenant}/answer/${count++}`;
  await database.sql('owner')`insert into start_ledger
    (run_id, tenant, kind, requester, request_hash, release_digest, task_queue)
    values (${runId}, ${tenant}, 'answer', ${by}, 'h', ${`${tenant}-${release}-${version}`}, 'q')`;
  const limits: DayLimits = { principal: by, release, budgets, extended: new Set(extended) };
  const reserve = { tokens, usd };
  const call = { key: runId, attempt: 1, tenant, runId, stepPath: 's', model: 'm', runKey: newKey(), reserve };
  const thrown = await createModelCalls(database.db('worker'))
    .claim(call, limits)
    .catch((error: unknown) => error);
  return thrown === undefined ? 'claimed' : thrown;
}

const budget = (more: Partial<DayBudget> & Pick<DayBudget, 'per'>): DayBudget => ({
  name: `of-${more.per}`,
  tokens: { hard: 100 },
  ...more,
});
const over = (limit: string, message: RegExp) => ({
  type: 'countersign.budget.Exhausted',
  details: [limit],
  message: expect.stringMatching(message),
});

describe('a budget of a day', () => {
  it('per principal counts what each asks, over releases', async () => {
    const budgets = [budget({ per: 'principal' })];
    expect(await spend(budgets, { by: 'ada', tokens: 60 })).toBe('claimed');
    expect(await spend(budgets, { by: 'bob', tokens: 60 })).toBe('claimed');
    const refused = over(
      'principal-day',
      /^ada has used up of-principal of \d{4}-\d\d-\d\d: 100 tokens\. Nothing was sent\.$/,
    );
    expect(await spend(budgets, { by: 'ada', release: 'night', tokens: 60 })).toMatchObject(refused);
    // What was refused was not noted.
    expect(await spend(budgets, { by: 'ada', tokens: 40 })).toBe('claimed');
  });

  it('per release counts its versions together, whoever asks, and each release by itself', async () => {
    const budgets = [budget({ per: 'release' })];
    expect(await spend(budgets, { by: 'ada', tokens: 60 })).toBe('claimed');
    const refused = over('release-day', /^Release desk has used up of-release/);
    expect(await spend(budgets, { by: 'bob', version: '2', tokens: 60 })).toMatchObject(refused);
    expect(await spend(budgets, { by: 'bob', release: 'night', tokens: 60 })).toBe('claimed');
  });

  it('of one release counts no other', async () => {
    const budgets = [budget({ per: 'release', release: 'night' })];
    expect(await spend(budgets, { by: 'ada', tokens: 500 })).toBe('claimed');
    expect(await spend(budgets, { by: 'ada', release: 'night', tokens: 101 })).toMatchObject(
      over('release-day', /night/),
    );
  });

  it('per tenant counts everything of it, and nothing of another', async () => {
    const budgets = [budget({ per: 'tenant' })];
    expect(await spend(budgets, { by: 'ada', tokens: 60 })).toBe('claimed');
    const refused = over('tenant-day', new RegExp(`^Tenant ${tenant} has used up of-tenant`));
    expect(await spend(budgets, { by: 'bob', release: 'night', tokens: 60 })).toMatchObject(refused);
    const first = tenant;
    tenant = `${tenant}-other`;
    expect(await spend(budgets, { by: 'ada', tokens: 60 })).toBe('claimed');
    tenant = first;
  });

  it('is not overdrawn by fifty calls at once under three budgets', async () => {
    const budgets = (['principal', 'release', 'tenant'] as const).map((per) =>
      budget({ per, tokens: { hard: { principal: 300, release: 500, tenant: 700 }[per] } }),
    );
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        spend(budgets, { by: `p${i % 4}`, release: i % 3 === 0 ? 'night' : 'desk', tokens: 50 }),
      ),
    );
    const [row] = await database.sql('owner')<{ tokens: string }[]>`
      select sum(reserved_tokens)::text as tokens from model_calls where tenant = ${tenant}`;
    expect(Number(row?.tokens)).toBe(results.filter((result) => result === 'claimed').length * 50);
    expect(Number(row?.tokens)).toBe(700);
  });

  it('counts a reply whose provider did not say what it used by what it may have used', async () => {
    const budgets = [budget({ per: 'tenant', tokens: { hard: 100 }, cost_usd: { hard: 10 } })];
    const settled = async (asked: Asked, usage: SettledReply['usage']): Promise<unknown> => {
      const outcome = await spend(budgets, { ...asked, by: 'ada' });
      const runKey = newKey();
      const [row] = await database.sql('owner')<{ key: string }[]>`
        select call_key as key from model_calls where tenant = ${tenant} order by claimed_at desc limit 1`;
      const key = row?.key ?? '';
      const call = { key, attempt: 1, tenant, runId: key, stepPath: 's', model: 'm', runKey };
      const reply: SettledReply = { text: 'Yes.', finishReason: 'stop', usage };
      await createModelCalls(database.db('worker')).settle({ ...call, reserve: { tokens: 0, usd: null } }, reply);
      return outcome;
    };
    const none = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 };
    expect(await settled({ by: 'ada', tokens: 40, usd: 4 }, { ...none, costUsd: null })).toBe('claimed');
    const over40 = await spend(budgets, { by: 'ada', tokens: 61 });
    expect(over40).toMatchObject(over('tenant-day', /100 tokens/));
    expect(await spend(budgets, { by: 'ada', tokens: 1, usd: 6.5 })).toMatchObject(over('tenant-day', /10 usd/));
    // Who says what was used is counted by that, and what is free costs nothing.
    const said = { inputTokens: 5, outputTokens: 5, cachedTokens: 0, costUsd: 0 };
    expect(await settled({ by: 'ada', tokens: 50, usd: 5 }, said)).toBe('claimed');
    expect(await spend(budgets, { by: 'ada', tokens: 50, usd: 5.5 })).toBe('claimed');
  });

  it('counts each attempt that may have been paid, and none that certainly was not', async () => {
    const budgets = [budget({ per: 'tenant', tokens: { hard: 100 } })];
    const calls = createModelCalls(database.db('worker'));
    const runId = `${tenant}/answer/${count++}`;
    await database.sql('owner')`insert into start_ledger
      (run_id, tenant, kind, requester, request_hash, release_digest, task_queue)
      values (${runId}, ${tenant}, 'answer', 'ada', 'h', ${`${tenant}-desk-1`}, 'q')`;
    const reserve = { tokens: 40, usd: null };
    const call = { key: runId, tenant, runId, stepPath: 's', model: 'm', runKey: newKey(), reserve };
    const limits: DayLimits = { principal: 'ada', release: 'desk', budgets, extended: new Set() };
    // Answered by 429, again and again.
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      await calls.claim({ ...call, attempt }, limits);
      await calls.refuse({ ...call, attempt }, 'countersign.model.RateLimited');
    }
    // Killed, and then answered.
    await calls.claim({ ...call, attempt: 6 }, limits);
    await calls.claim({ ...call, attempt: 7 }, limits);
    const usage = { inputTokens: 20, outputTokens: 5, cachedTokens: 0, costUsd: null };
    await calls.settle({ ...call, attempt: 7 }, { text: 'Yes.', finishReason: 'stop', usage });
    expect(await spend(budgets, { by: 'bob', tokens: 36 })).toMatchObject(over('tenant-day', /100 tokens/));
    expect(await spend(budgets, { by: 'bob', tokens: 35 })).toBe('claimed');
  });

  it('asks at its soft limit, and a yes to one is none to another', async () => {
    const budgets = [
      budget({ per: 'principal', tokens: { soft: 50, hard: 1000 } }),
      budget({ per: 'tenant', tokens: { soft: 50, hard: 1000 } }),
    ];
    const asked = (limit: string) => ({ type: 'countersign.budget.Asks', details: [{ limit, soft: 50, hard: 1000 }] });
    const first = (await spend(budgets, { by: 'ada', tokens: 60 })) as { details: [never] };
    expect(first).toMatchObject(asked('principal-day'));
    const extended = [extensionOf(first.details[0])];
    const second = (await spend(budgets, { by: 'ada', tokens: 60, extended })) as { details: [never] };
    expect(second).toMatchObject(asked('tenant-day'));
    expect(
      await spend(budgets, { by: 'ada', tokens: 60, extended: [...extended, extensionOf(second.details[0])] }),
    ).toBe('claimed');
  });
});
