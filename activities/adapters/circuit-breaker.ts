// Leaves a provider alone that keeps failing: in this process, one breaker for each provider and address. After a while one call goes
// through to see; the others wait for its first sign of an answer.
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { Failure } from '../../workflows/protocol/index.ts';

export interface BreakerOptions {
  /** Failures in a row that open it. @default 5 */
  readonly failures?: number;
  /** How long it stays open, at least; longer where the provider says so. @default 30000 */
  readonly openMs?: number;
  /** Milliseconds. @default Date.now */
  readonly now?: () => number;
}

export interface Waiting {
  /** Aborted: waits no longer. */
  readonly signal: AbortSignal;
  /** While another call sees whether the provider is back. @default 30000 */
  readonly longestWaitMs?: number | undefined;
}

/** Whom a breaker is for: a provider at an address. */
export const providerAt = (provider: string, baseUrl: string): string => `${provider} at ${new URL(baseUrl).host}`;

export interface Breakers {
  /**
   * @param call told `answers`, which it may call when a good reply begins: nobody has to wait for its end
   * @throws ApplicationFailure ModelCircuitOpen, retryable after the rest of the time: nothing was called
   */
  run<T>(provider: string, call: (answers: () => void) => Promise<T>, waiting: Waiting): Promise<T>;
}

interface State {
  failures: number;
  openUntil: number;
  /** Of the call that is under way to see: aborted when it has seen. */
  probe: AbortController | undefined;
}

/** In place: an attempt that came back would be used up by finding the call still under way. */
const LONGEST_WAIT_MS = 30_000;
/** For those that waited so long. */
const COME_BACK_AFTER_MS = 10_000;

export function createBreakers({ failures: most = 5, openMs = 30_000, now = Date.now }: BreakerOptions = {}): Breakers {
  const states = new Map<string, State>();
  const stateOf = (provider: string): State => {
    const state = states.get(provider) ?? { failures: 0, openUntil: 0, probe: undefined };
    states.set(provider, state);
    return state;
  };
  return {
    async run(provider, call, { signal, longestWaitMs = LONGEST_WAIT_MS }) {
      const state = stateOf(provider);
      const deadline = performance.now() + longestWaitMs;
      let probe: AbortController | undefined;
      while (state.failures >= most && probe === undefined) {
        const waitMs = state.openUntil - now();
        if (waitMs > 0) throw isLeftAlone(provider, state, waitMs);
        if (state.probe === undefined) {
          probe = new AbortController();
          state.probe = probe;
        } else if (!(await hasSeen(state.probe.signal, signal, deadline - performance.now()))) {
          throw isLeftAlone(provider, state, COME_BACK_AFTER_MS);
        }
      }
      const seen = (): void => {
        if (probe === undefined || state.probe !== probe) return;
        state.probe = undefined;
        probe.abort();
      };
      const answers = (): void => {
        if (probe === undefined || state.probe !== probe) return;
        // Not yet a whole reply: one that breaks off opens it again.
        state.failures = most - 1;
        seen();
      };
      try {
        const result = await call(answers);
        state.failures = 0;
        return result;
      } catch (error) {
        // A run that was cancelled says nothing of the provider.
        if (signal.aborted) throw error;
        const delayMs = countedDelayMs(error);
        if (delayMs === undefined) state.failures = 0;
        else {
          state.failures += 1;
          if (state.failures >= most) state.openUntil = now() + Math.max(openMs, delayMs);
        }
        throw error;
      } finally {
        seen();
      }
    },
  };
}

/** `false` when the time is over before. @throws the reason of `signal` */
async function hasSeen(probe: AbortSignal, signal: AbortSignal, withinMs: number): Promise<boolean> {
  signal.throwIfAborted();
  if (withinMs <= 0) return false;
  try {
    await sleep(withinMs, undefined, { signal: AbortSignal.any([probe, signal]) });
    return false;
  } catch {
    signal.throwIfAborted();
    return true;
  }
}

/**
 * What the provider asked to wait; `undefined` for a failure that is not its own. A wrong key or an odd reply does not say that the
 * provider is not well, and neither does 429: it answers, and other models of it may have a limit of their own.
 */
function countedDelayMs(error: unknown): number | undefined {
  if (!(error instanceof ApplicationFailure) || error.type !== Failure.ModelUnavailable) return undefined;
  const { nextRetryDelay } = error;
  return typeof nextRetryDelay === 'number' ? nextRetryDelay : 0;
}

const isLeftAlone = (provider: string, { failures }: State, waitMs: number): ApplicationFailure =>
  ApplicationFailure.create({
    message: `${provider} failed ${failures} times in a row and is left alone for ${Math.ceil(waitMs / 1000)} s`,
    type: Failure.ModelCircuitOpen,
    nonRetryable: false,
    nextRetryDelay: waitMs,
  });
