// The breaker of a provider, by a clock of its own.
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { createBreakers } from '../../../activities/adapters/circuit-breaker.ts';
import { Failure } from '../../../workflows/protocol/index.ts';
import { errorOf } from '../../support/error-of.ts';

const down = ApplicationFailure.retryable('down', Failure.ModelUnavailable);

function setUp() {
  let nowMs = 0;
  let called = 0;
  const breakers = createBreakers({ failures: 3, openMs: 1000, now: () => nowMs });
  const { signal } = new AbortController();
  const call = async (outcome: string | Error | Promise<string>, provider = 'p', by = signal): Promise<string> =>
    await breakers.run(
      provider,
      async () => {
        called += 1;
        if (outcome instanceof Error) throw outcome;
        return await outcome;
      },
      by,
    );
  const fail = async (times: number, error: Error = down, provider = 'p'): Promise<void> => {
    for (let i = 0; i < times; i += 1) await errorOf(call(error, provider));
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { call, fail, called: () => called, pass };
}

describe('a provider that fails several times in a row', () => {
  it('is not called until some time has passed, and the failure says for how long', async () => {
    const { call, fail, called, pass } = setUp();
    await fail(3);
    pass(400);
    const refused = await errorOf(call('yes'));
    expect(refused).toMatchObject({ type: Failure.ModelCircuitOpen, nonRetryable: false, nextRetryDelay: 600 });
    expect(refused.message).toBe('p failed 3 times in a row and is left alone for 1 s');
    expect(called()).toBe(3);
    pass(600);
    expect(await call('yes')).toBe('yes');
    await fail(2);
    expect(await call('still closed')).toBe('still closed');
  });

  it('is left alone as long as it asked for', async () => {
    const { call, fail, pass } = setUp();
    const limited = { message: '429', type: Failure.ModelRateLimited, nonRetryable: false, nextRetryDelay: 60_000 };
    await fail(3, ApplicationFailure.create(limited));
    pass(59_000);
    expect(await errorOf(call('yes'))).toMatchObject({ nextRetryDelay: 1_000 });
  });

  it('is seen after by one call at a time, whose failure leaves it alone again', async () => {
    const { call, fail, called, pass } = setUp();
    await fail(3);
    pass(1000);
    let refuse = (_: Error): void => {};
    const probe = call(
      new Promise<string>((_, reject) => {
        refuse = reject;
      }),
    );
    expect(await errorOf(call('yes'))).toMatchObject({ type: Failure.ModelCircuitOpen });
    refuse(down);
    expect(await errorOf(probe)).toBe(down);
    expect(await errorOf(call('yes'))).toMatchObject({ type: Failure.ModelCircuitOpen, nextRetryDelay: 1000 });
    expect(called()).toBe(4);
  });

  it('closes nobody else', async () => {
    const { call, fail } = setUp();
    await fail(3);
    expect(await call('yes', 'q')).toBe('yes');
  });
});

describe('what does not open a breaker', () => {
  it.each([
    ['a wrong key', ApplicationFailure.nonRetryable('401', Failure.ModelUnauthorized)],
    ['a reply of another shape', ApplicationFailure.retryable('x', Failure.ModelMalformedReply)],
    ['an error of our own', new Error('bug')],
  ])('%s', async (_, error) => {
    const { call, fail } = setUp();
    await fail(10, error);
    expect(await call('yes')).toBe('yes');
  });

  it('failures with an answer between them', async () => {
    const { call, fail } = setUp();
    for (let i = 0; i < 5; i += 1) {
      await fail(2);
      expect(await call('yes')).toBe('yes');
    }
  });

  it('runs that were cancelled', async () => {
    const { call } = setUp();
    const cancelled = AbortSignal.abort();
    for (let i = 0; i < 10; i += 1) await errorOf(call(down, 'p', cancelled));
    expect(await call('yes')).toBe('yes');
  });
});
