import { ApplicationFailure } from '@temporalio/common';
import { beforeEach, describe, expect, it } from 'vitest';
import { answeredBy, notReached } from '../../activities/adapters/model-failures.ts';
import type { ModelCalls, PaidCall } from '../../activities/model-calls.ts';
import { createModelCalls } from '../../activities/model-calls.ts';
import type { ModelRates, RatedCall, Turn } from '../../activities/model-rates.ts';
import type { Paying } from '../../activities/pay-once.ts';
import { payOnce } from '../../activities/pay-once.ts';
import type { ModelReply, ModelRequest } from '../../activities/ports/model.ts';
import { newKey } from '../../runtime/keys/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { errorOf } from '../support/error-of.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();
const usage = { inputTokens: 100, outputTokens: 10, cachedTokens: 0 };
const good: ModelReply = { text: 'Thirty days.', finishReason: 'stop', usage };
const price = {
  name: 'big',
  provider: 'openai-compatible',
  id: 'm',
  baseUrl: 'http://127.0.0.1:9',
  inputUsdPerMillion: 1,
  outputUsdPerMillion: 2,
} as const satisfies Paying['price'];

let count = 0;
let call: Omit<PaidCall, 'reserve'>;
let told: string[];
let calls: ModelCalls;
beforeEach(() => {
  count += 1;
  told = [];
  calls = createModelCalls(database.db('worker'));
  call = {
    key: `hmac-sha256:pay-${count}`,
    attempt: 1,
    tenant: 'default',
    runId: 'default/answer/01J00000000000000000000000',
    stepPath: 'answer/generate#1',
    model: 'openai-compatible/m',
    runKey: newKey(),
  };
});

const lost = () => Promise.reject(new Error('connection lost'));

/** Notes what it is told, in `told`. */
function ratesOf(change: Partial<Turn> = {}, asked: RatedCall[] = []): ModelRates {
  return {
    async turn(rated) {
      told.push('turn');
      asked.push(rated);
      return {
        waitedMs: 0,
        async settle(tokens) {
          told.push(`settle ${tokens}`);
        },
        async pause(forMs) {
          told.push(`pause ${forMs}`);
        },
        ...change,
      };
    },
  };
}

interface Setting {
  readonly reply?: ModelReply | Error;
  readonly rates?: ModelRates;
  readonly modelCalls?: ModelCalls;
  readonly candidate?: Paying['candidate'];
  readonly tools?: ModelRequest['tools'];
}

async function pay({ reply = good, rates = ratesOf(), modelCalls = calls, candidate, tools = [] }: Setting = {}) {
  const request: ModelRequest = {
    model: 'm',
    prompt: { system: 's', messages: [] } as never,
    tools,
    temperature: 0,
    maxOutputTokens: 50,
    idempotencyKey: call.key,
    signal: new AbortController().signal,
  };
  const model = {
    label: call.model,
    free: false,
    async call() {
      told.push('call');
      if (reply instanceof Error) throw reply;
      return reply;
    },
  };
  const limits = { principal: 'p', release: 'r', budgets: [], extended: new Set<string>() };
  return await payOnce(model, request, call, { candidate, modelCalls, modelRates: rates, price, limits });
}

describe('a paid reply', () => {
  it('is kept before the rate is told, and a rate that cannot be told fails nothing', async () => {
    const modelCalls: ModelCalls = {
      ...calls,
      async settle(...kept) {
        told.push('keep');
        return await calls.settle(...kept);
      },
    };
    const settle = async (tokens: number) => {
      told.push(`settle ${tokens}`);
      await lost();
    };
    const paid = await pay({ modelCalls, rates: ratesOf({ settle }) });
    expect(paid).toEqual({ reply: { ...good, usage: { ...usage, costUsd: 0.00012 } }, reused: false });
    expect(told).toEqual(['turn', 'call', 'keep', 'settle 110']);
    expect(await calls.reply(call)).toEqual(paid.reply);
  });

  it('is offered again to a ledger that does not answer, and asked for once', async () => {
    let failures = 2;
    const modelCalls: ModelCalls = {
      ...calls,
      settle: async (...kept) => (failures-- > 0 ? await lost() : await calls.settle(...kept)),
    };
    expect(await pay({ modelCalls })).toMatchObject({ reused: false });
    expect(told).toEqual(['turn', 'call', 'settle 110']);
    expect(await calls.reply(call)).toMatchObject({ text: good.text });
  });
});

describe('an attempt', () => {
  const attempted = async (attempt: number, reply: ModelReply | Error) => {
    call = { ...call, attempt };
    return await pay({ reply });
  };

  it('that broke off may have been paid, and the next one says so; one that was refused was not', async () => {
    await errorOf(attempted(1, ApplicationFailure.retryable('broke off', Failure.ModelUnavailable)));
    await errorOf(attempted(2, answeredBy('m', 503)));
    await errorOf(attempted(3, answeredBy('m', 429, { delayMs: 1_000 })));
    await errorOf(attempted(4, notReached('m')));
    await errorOf(attempted(5, ApplicationFailure.create({ type: Failure.ModelCircuitOpen })));
    const { unsettled } = await attempted(6, good);
    const { tokens } = await database.sql('owner')<{ tokens: number }[]>`
      select reserved_tokens::int as tokens from model_calls where call_key = ${call.key} limit 1`.then(
      ([row]) => row ?? { tokens: 0 },
    );
    expect(tokens).toBeGreaterThan(0);
    expect(unsettled).toEqual({ calls: 1, tokens, costUsd: expect.any(Number) });
    // What an earlier attempt settled is not unsettled, and what broke off before it still is.
    expect(await attempted(7, good)).toMatchObject({ reused: true, unsettled: { calls: 1, tokens } });
  });

  it('at which a budget of the day is spent says what those before it may have been paid', async () => {
    await errorOf(attempted(1, ApplicationFailure.retryable('broke off', Failure.ModelUnavailable)));
    call = { ...call, attempt: 2 };
    const spent = ApplicationFailure.nonRetryable('spent', Failure.BudgetExhausted, 'tenant-day');
    const failure = await errorOf(pay({ modelCalls: { ...calls, claim: () => Promise.reject(spent) } }));
    expect(failure).toMatchObject({
      type: Failure.BudgetExhausted,
      nonRetryable: true,
      details: ['tenant-day', { unsettled: { calls: 1, costUsd: expect.any(Number) } }],
    });
  });

  it('of the first go has nothing unsettled', async () => {
    expect(await attempted(1, good)).not.toHaveProperty('unsettled');
    expect(await attempted(2, good)).not.toHaveProperty('unsettled');
  });
});

describe('a reply without usage', () => {
  it('leaves what was reserved taken', async () => {
    const silent = { ...good, usage: { inputTokens: 0, outputTokens: 0, cachedTokens: 0 } };
    expect(await pay({ reply: silent })).toMatchObject({ reply: { usage: { costUsd: null } } });
    expect(told).toEqual(['turn', 'call']);
  });
});

describe('a filter that did not say what it read', () => {
  it.each([0, 5])(
    'may have cost what was reserved, whatever it says that it wrote: %i tokens',
    async (outputTokens) => {
      const counts = { inputTokens: 0, outputTokens, cachedTokens: 0 };
      const { unsettled } = await pay({ reply: { text: '', finishReason: 'content-filter', usage: counts } });
      expect(unsettled).toEqual({ calls: 1, tokens: expect.any(Number), costUsd: expect.any(Number) });
    },
  );
});

describe('a later attempt', () => {
  it('gets the reply that was paid for without a turn', async () => {
    await pay();
    told = [];
    expect(await pay()).toMatchObject({ reply: { text: good.text }, reused: true });
    expect(told).toEqual([]);
  });

  it('gives its turn back when the reply came while it waited', async () => {
    let looked = 0;
    const late: ModelCalls = {
      ...calls,
      reply: async (asked) => (looked++ === 0 ? undefined : await calls.reply(asked)),
    };
    await pay();
    told = [];
    expect(await pay({ modelCalls: late })).toMatchObject({ reused: true });
    expect(told).toEqual(['turn', 'settle 0']);
  });
});

describe('a turn', () => {
  it.each([
    ['minutes, in place', undefined, 480_000],
    ['minutes, in place, by the last of several models', { model: 'big', spare: false }, 480_000],
    ['seconds, while another model stands ready', { model: 'big', spare: true }, 5_000],
  ] as const)('is waited for for %s', async (_, candidate, longestWaitMs) => {
    const asked: RatedCall[] = [];
    await pay({ candidate, rates: ratesOf({}, asked) });
    expect(asked).toMatchObject([{ longestWaitMs, tokens: expect.any(Number) }]);
  });
});

describe('a provider that is busy', () => {
  it.each([
    [1, 1_000, 2_000, 2_500],
    [4, 1_000, 16_000, 20_000],
    [1, 0, 2_000, 2_500],
    [1, 60_000, 60_000, 60_000],
  ])('is asked again by attempt %i, told %i ms, after %i to %i ms', async (attempt, delayMs, least, most) => {
    call = { ...call, attempt };
    const failure = await errorOf(pay({ reply: answeredBy('m', 429, { delayMs }) }));
    expect(failure).toMatchObject({ type: Failure.ModelRateLimited, nonRetryable: false });
    const { nextRetryDelay } = failure as unknown as { readonly nextRetryDelay: number };
    expect(nextRetryDelay).toBeGreaterThanOrEqual(least);
    expect(nextRetryDelay).toBeLessThanOrEqual(most);
  });

  it('is not asked again while another model stands ready', async () => {
    const candidate = { model: 'big', spare: true };
    expect(await errorOf(pay({ candidate, reply: answeredBy('m', 429) }))).toMatchObject({ nonRetryable: true });
  });
});

describe('what is reserved', () => {
  it('has the tools that the model is told of', async () => {
    const asked: RatedCall[] = [];
    await pay({ rates: ratesOf({}, asked) });
    call = { ...call, key: `${call.key}-tools` };
    await pay({ rates: ratesOf({}, asked), tools: [{ name: 'x', description: 'a'.repeat(3_000) } as never] });
    const [bare, told] = asked.map(({ tokens }) => tokens);
    expect((told ?? 0) - (bare ?? 0)).toBeGreaterThan(1_000);
  });
});

describe('a turn at which nothing is sent', () => {
  it('is given back when the call may not be claimed', async () => {
    const spent = ApplicationFailure.nonRetryable('spent', Failure.BudgetExhausted);
    const modelCalls: ModelCalls = { ...calls, claim: () => Promise.reject(spent) };
    expect(await errorOf(pay({ modelCalls }))).toBe(spent);
    expect(told).toEqual(['turn', 'settle 0']);
  });

  it('is given back when the provider is left alone, and not when it failed', async () => {
    const open = ApplicationFailure.create({ type: Failure.ModelCircuitOpen, nextRetryDelay: 9000 });
    expect(await errorOf(pay({ reply: open }))).toBe(open);
    expect(told).toEqual(['turn', 'call', 'settle 0']);
    told = [];
    expect(await errorOf(pay({ reply: ApplicationFailure.retryable('down', Failure.ModelUnavailable) }))).toBeDefined();
    expect(told).toEqual(['turn', 'call']);
  });
});
