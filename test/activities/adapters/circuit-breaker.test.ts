// The breaker of a provider, by a clock of its own.
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { createBreakers } from '../../../activities/adapters/circuit-breaker.ts';
import { Failure } from '../../../workflows/protocol/index.ts';
import { errorOf } from '../../support/error-of.ts';

const down = ApplicationFailure.retryable('down', Failure.ModelUnavailable);

type Outcome = string | Error | Promise<string> | ((answers: () => void) => Promise<string>);

function setUp() {
  let nowMs = 0;
  let called = 0;
  const breakers = createBreakers({ failures: 3, openMs: 1000, now: () => nowMs });
  const { signal } = new AbortController();
  const call = async (
    outcome: Outcome,
    provider = 'p',
    by = signal,
    longestWaitMs: number | undefined = undefined,
  ): Promise<string> =>
    await breakers.run(
      provider,
      async (answers) => {
        called += 1;
        if (outcome instanceof Error) throw outcome;
        return await (typeof outcome === 'function' ? outcome(answers) : outcome);
      },
      { signal: by, longestWaitMs },
    );
  const fail = async (times: number, error: Error = down, provider = 'p'): Promise<void> => {
    for (let i = 0; i < times; i += 1) await errorOf(call(error, provider));
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { call, fail, called: () => called, pass };
}

/** A call that is under way until it is ended. */
function underWay() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let begin = (): void => {};
  const outcome: Outcome = async (answers) => {
    begin = answers;
    return await promise;
  };
  return { outcome, resolve, reject, begin: () => begin() };
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
    const busy = { message: '503', type: Failure.ModelUnavailable, nonRetryable: false, nextRetryDelay: 60_000 };
    await fail(3, ApplicationFailure.create(busy));
    pass(59_000);
    expect(await errorOf(call('yes'))).toMatchObject({ nextRetryDelay: 1_000 });
  });

  it('is seen after by one call at a time, whose failure leaves it alone again', async () => {
    const { call, fail, called, pass } = setUp();
    await fail(3);
    pass(1000);
    const { outcome, reject } = underWay();
    const probe = errorOf(call(outcome));
    const waiting = [errorOf(call('yes')), errorOf(call('yes'))];
    reject(down);
    expect(await probe).toBe(down);
    for (const refused of await Promise.all(waiting)) {
      expect(refused).toMatchObject({ type: Failure.ModelCircuitOpen, nextRetryDelay: 1000 });
    }
    expect(called()).toBe(4);
  });

  it('is called by all when the first words of that call have come, and alone again when it breaks off', async () => {
    const { call, fail, called, pass } = setUp();
    await fail(3);
    pass(1000);
    const { outcome, begin, reject } = underWay();
    const probe = errorOf(call(outcome));
    const waiting = [call('yes'), call('yes')];
    expect(called()).toBe(4);
    begin();
    expect(await Promise.all(waiting)).toEqual(['yes', 'yes']);
    reject(down);
    await probe;
    // The others were answered meanwhile.
    expect(await call('yes')).toBe('yes');
    await fail(3);
    pass(1000);
    const broken = underWay();
    const second = errorOf(call(broken.outcome));
    broken.begin();
    broken.reject(down);
    await second;
    expect(await errorOf(call('yes'))).toMatchObject({ type: Failure.ModelCircuitOpen });
  });

  it('is seen after by the next one when the run of that call is cancelled', async () => {
    const { call, fail, pass } = setUp();
    await fail(3);
    pass(1000);
    const { outcome, reject } = underWay();
    const abort = new AbortController();
    const probe = errorOf(call(outcome, 'p', abort.signal));
    const waiting = [call('yes'), call('yes')];
    abort.abort();
    reject(new Error('aborted'));
    await probe;
    expect(await Promise.all(waiting)).toEqual(['yes', 'yes']);
  });

  it('is waited for no longer than a call may wait, or its run lasts', async () => {
    const { call, fail, called, pass } = setUp();
    await fail(3);
    pass(1000);
    const { outcome, resolve } = underWay();
    const probe = call(outcome);
    const { signal } = new AbortController();
    for (const longestWaitMs of [0, 20]) {
      expect(await errorOf(call('yes', 'p', signal, longestWaitMs))).toMatchObject({
        type: Failure.ModelCircuitOpen,
        nextRetryDelay: 10_000,
      });
    }
    const abort = new AbortController();
    const waiting = errorOf(call('yes', 'p', abort.signal));
    const reason = new Error('cancelled');
    abort.abort(reason);
    expect(await waiting).toBe(reason);
    expect(called()).toBe(4);
    resolve('back');
    expect(await probe).toBe('back');
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
    ['429, however often', ApplicationFailure.retryable('429', Failure.ModelRateLimited)],
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
