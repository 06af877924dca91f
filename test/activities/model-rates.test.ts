// Rate limits of providers: what is let go and when, for all workers together. Against a real PostgreSQL.

import { ApplicationFailure } from '@temporalio/common';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callInTurn } from '../../activities/call-in-turn.ts';
import { createModelRates } from '../../activities/model-rates.ts';
import type { RateLimit } from '../../policies/rate-limits.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();
const signal = new AbortController().signal;

interface Place {
  readonly atMs: number;
  readonly tokens: number;
}

interface Limit {
  readonly requests: number | null;
  readonly tokens: number | null;
  readonly horizonSeconds?: number;
}

/** When each call is let go, in milliseconds; `undefined` where no place was taken. All asked for in one transaction, at times of the test's own. */
async function schedule(places: readonly Place[], limit: Limit): Promise<(number | undefined)[]> {
  const { requests, tokens, horizonSeconds = 1e6 } = limit;
  const account = crypto.randomUUID();
  const rows = await database.sql('owner')<{ wait: number }[]>`
    select countersign.reserve_model_rate_at(timestamptz '2026-01-01' + make_interval(secs => place.at_ms / 1000), ${account},
      ${requests}, ${tokens}, place.tokens, make_interval(secs => ${horizonSeconds})) as wait
    from unnest(${places.map(({ atMs }) => atMs)}::float8[], ${places.map(({ tokens: each }) => each)}::float8[])
      with ordinality as place (at_ms, tokens, n)
    order by place.n`;
  return rows.map(({ wait }, i) => (wait > horizonSeconds * 1000 ? undefined : (places[i]?.atMs ?? 0) + wait));
}

const arrivals = (of: fc.Arbitrary<number>) =>
  fc.array(fc.record({ gapMs: fc.nat(20_000), tokens: of }), { minLength: 1, maxLength: 60 }).map((gaps) => {
    let atMs = 0;
    return gaps.map(({ gapMs, tokens }) => {
      atMs += gapMs;
      return { atMs, tokens };
    });
  });

describe('a rate limit', () => {
  it('lets no more requests go in any minute than it says, in the order of asking', async () => {
    await fc.assert(
      fc.asyncProperty(arrivals(fc.constant(0)), fc.integer({ min: 1, max: 40 }), async (places, requests) => {
        const times = (await schedule(places, { requests, tokens: null })).map(Number);
        expect(times).toEqual([...times].sort((a, b) => a - b));
        times.forEach((start, i) => {
          expect(start).toBeGreaterThanOrEqual(places[i]?.atMs ?? 0);
          const inAMinute = times.slice(i).filter((time) => time < start + 59_999).length;
          expect(inAMinute).toBeLessThanOrEqual(Math.max(1, Math.ceil(requests)));
        });
      }),
      { numRuns: 60 },
    );
  });

  it('lets no more tokens go in any minute than it says and one call has', async () => {
    await fc.assert(
      fc.asyncProperty(arrivals(fc.integer({ min: 1, max: 3000 })), async (places) => {
        const times = (await schedule(places, { requests: null, tokens: 10_000 })).map(Number);
        times.forEach((start, i) => {
          const tokens = times.flatMap((time, j) => (j >= i && time < start + 59_999 ? (places[j]?.tokens ?? 0) : []));
          expect(tokens.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(10_000 + 3000);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('is used to nine tenths and more when there is always somebody who waits', async () => {
    const places = Array.from({ length: 600 }, () => ({ atMs: 0, tokens: 0 }));
    const times = (await schedule(places, { requests: 60, tokens: null })).map(Number);
    // 60 a minute: 600 in little more than 10 minutes.
    expect(Math.max(...times)).toBeLessThan((600 / 60 / 0.9) * 60_000);
    expect(times.filter((time) => time === 0)).toHaveLength(6);
  });

  it('takes no place for what would have to wait too long', async () => {
    const places = Array.from({ length: 20 }, () => ({ atMs: 0, tokens: 0 }));
    const limit = { requests: 10, tokens: null, horizonSeconds: 15 };
    const times = await schedule([...places, { atMs: 60_000, tokens: 0 }], limit);
    expect(times.filter((time) => time !== undefined)).toHaveLength(4);
    // The others left no trace: a minute later there is no queue.
    expect(times.at(-1)).toBe(60_000);
  });

  it('lets a call of more tokens than a minute has go, alone', async () => {
    const times = await schedule(
      [
        { atMs: 0, tokens: 50_000 },
        { atMs: 0, tokens: 10 },
      ],
      { requests: null, tokens: 10_000 },
    );
    expect(times[0]).toBe(0);
    expect(Number(times[1])).toBeGreaterThan(5 * 60_000);
  });
});

describe('a turn', () => {
  const limit: RateLimit = { name: 'all', provider: 'openai-compatible', requests_per_minute: 600 };
  const model = { provider: 'openai-compatible', id: 'm', baseUrl: 'http://127.0.0.1:9' };
  const rates = (...limits: RateLimit[]) => createModelRates(database.db('worker'), limits);

  it('is at once, and no statement, for a model without a limit', async () => {
    const none = createModelRates({ of: () => expect.fail('a statement') } as never, [limit]);
    const turn = await none.turn({ tenant: 'default', model: { ...model, provider: 'other' }, tokens: 5, signal });
    expect(turn.waitedMs).toBe(0);
    await turn.settle(5);
  });

  it('is waited for by two workers and two tenants together', async () => {
    const workers = [rates({ ...limit, name: 'shared' }), rates({ ...limit, name: 'shared' })];
    const began = performance.now();
    const turns = await Promise.all(
      Array.from({ length: 70 }, (_, i) =>
        workers[i % 2]?.turn({ tenant: i % 3 === 0 ? 'default' : 'other', model, tokens: 1, signal }),
      ),
    );
    // 60 at once, then 9 a second.
    expect(turns.filter((turn) => turn?.waitedMs === 0).length).toBeGreaterThanOrEqual(60);
    expect(performance.now() - began).toBeGreaterThan(700);
  });

  it('gives back the tokens that were not used', async () => {
    const tokens = rates({ name: 'tokens', provider: model.provider, tokens_per_minute: 6000 });
    const call = { tenant: 'default', model, tokens: 5000, signal };
    const first = await tokens.turn(call);
    await expect(tokens.turn(call)).rejects.toMatchObject({
      type: 'countersign.model.RateLimited',
      nonRetryable: false,
    });
    await first.settle(10);
    expect((await tokens.turn(call)).waitedMs).toBeLessThan(1000);
  });

  it('is taken as far away as the call may wait, and no further', async () => {
    const queued = rates({ name: 'queued', provider: model.provider, requests_per_minute: 60 });
    const call = { tenant: 'default', model, tokens: 1, signal };
    await Promise.all(Array.from({ length: 6 }, async () => await queued.turn(call)));
    await expect(queued.turn({ ...call, longestWaitMs: 100 })).rejects.toMatchObject({
      type: Failure.ModelRateLimited,
    });
    const abort = new AbortController();
    const waiting = Array.from({ length: 60 }, async () =>
      queued.turn({ ...call, longestWaitMs: 480_000, signal: abort.signal }),
    );
    // The first of them is let go, so all have asked.
    expect((await Promise.race(waiting)).waitedMs).toBeGreaterThan(100);
    // Their places are taken, beyond 45 seconds: whoever comes now is behind them.
    const refused = await queued.turn(call).catch((error: unknown) => error);
    expect(refused).toMatchObject({ type: Failure.ModelRateLimited });
    expect((refused as ApplicationFailure).nextRetryDelay).toBeGreaterThan(60_000);
    abort.abort();
    const ends = await Promise.allSettled(waiting);
    expect(ends.filter(({ status }) => status === 'rejected').length).toBeGreaterThanOrEqual(50);
  });

  it('waits for everybody when the provider said so, and says how long when that is too long', async () => {
    const paused = rates({ ...limit, name: 'paused' });
    const call = { tenant: 'default', model, tokens: 1, signal };
    await (await paused.turn(call)).pause(120_000);
    const error = await rates({ ...limit, name: 'paused' })
      .turn(call)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      message: expect.stringMatching(/^Calls for 1\d\d seconds wait at the rate limit paused\. Nothing was sent\.$/),
      nextRetryDelay: expect.any(Number),
    });
  });

  it.each([5, 10])('waits %d seconds when the provider said so, and then in turn, however short', async (seconds) => {
    const name = `short-${seconds}`;
    const call = { tenant: 'default', model, tokens: 1, signal };
    await (await rates({ ...limit, name }).turn(call)).pause(seconds * 1000);
    // 600 a minute: 60 at once would be let go, were it not for the pause.
    const rows = await database.sql('owner')<{ wait: number }[]>`
      select countersign.reserve_model_rate(${name}, 600, null, 1, interval '1 hour') as wait
      from generate_series(1, 80) as n`;
    const waits = rows.map(({ wait }) => wait);
    expect(waits[0]).toBeGreaterThan(seconds * 1000 - 2_000);
    expect(waits[0]).toBeLessThanOrEqual(seconds * 1000);
    const atItsEnd = waits.filter((wait) => wait <= seconds * 1000);
    expect(atItsEnd.length).toBeGreaterThanOrEqual(55);
    expect(atItsEnd.length).toBeLessThanOrEqual(62);
    expect(Math.max(...waits)).toBeGreaterThan(seconds * 1000 + 1_000);
  });

  it('is waited for by all when a call was told 429 with a delay, and by nobody after another failure', async () => {
    const told = rates({ ...limit, name: 'told' });
    const call = { tenant: 'default', model, tokens: 1, signal };
    const failing = async (failure: Parameters<typeof ApplicationFailure.create>[0]): Promise<unknown> => {
      const turn = await told.turn(call);
      const fail = () => Promise.reject(ApplicationFailure.create(failure));
      return await callInTurn(turn, fail, () => null).catch((error) => error);
    };
    const unavailable = { type: Failure.ModelUnavailable, nextRetryDelay: 90_000 };
    expect(await failing(unavailable)).toMatchObject({ type: Failure.ModelUnavailable });
    expect((await told.turn(call)).waitedMs).toBe(0);
    const limited = { type: Failure.ModelRateLimited, nextRetryDelay: 90_000 };
    expect(await failing(limited)).toMatchObject({ type: Failure.ModelRateLimited, nextRetryDelay: 90_000 });
    await expect(told.turn(call)).rejects.toThrow(/^Calls for \d+ seconds wait at the rate limit told/);
  });

  it('is not taken by who would have to wait longer than it can, and leaves the place to others', async () => {
    const brief = rates({ name: 'brief', provider: model.provider, requests_per_minute: 60 });
    const call = { tenant: 'default', model, tokens: 1, signal };
    await Promise.all(Array.from({ length: 6 }, () => brief.turn(call)));
    const limited = { type: 'countersign.model.RateLimited', nonRetryable: false };
    for (let asked = 0; asked < 3; asked += 1) {
      await expect(brief.turn({ ...call, longestWaitMs: 100 })).rejects.toMatchObject(limited);
    }
    const { waitedMs } = await brief.turn({ ...call, longestWaitMs: 2000 });
    expect(waitedMs).toBeGreaterThan(100);
    expect(waitedMs).toBeLessThan(1200);
  });

  it('is no longer waited for when the run is cancelled', async () => {
    const slow = rates({ name: 'slow', provider: model.provider, requests_per_minute: 4 });
    const abort = new AbortController();
    const call = { tenant: 'default', model, tokens: 1, signal: abort.signal };
    await slow.turn(call);
    const waiting = slow.turn(call);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });
});
