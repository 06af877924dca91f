// Leaves a provider alone that keeps failing: in this process, one breaker for each provider and address. After a while one call goes
// through to see; the others wait for what it says.
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

export interface Breakers {
  /** @throws ApplicationFailure ModelCircuitOpen, retryable after the rest of the time: nothing was called */
  run<T>(provider: string, call: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

interface State {
  failures: number;
  openUntil: number;
  probing: boolean;
}

/** What says that the provider itself is not well; a wrong key or an odd reply does not. */
const COUNTED: ReadonlySet<string> = new Set([Failure.ModelUnavailable, Failure.ModelRateLimited]);
/** For those that come while one call is under way to see. */
const PROBE_WAIT_MS = 2_000;

export function createBreakers({ failures: most = 5, openMs = 30_000, now = Date.now }: BreakerOptions = {}): Breakers {
  const states = new Map<string, State>();
  const stateOf = (provider: string): State => {
    const state = states.get(provider) ?? { failures: 0, openUntil: 0, probing: false };
    states.set(provider, state);
    return state;
  };
  return {
    async run(provider, call, signal) {
      const state = stateOf(provider);
      const isOpen = state.failures >= most;
      if (isOpen) {
        const waitMs = state.openUntil - now();
        if (waitMs > 0) throw isLeftAlone(provider, state, waitMs);
        if (state.probing) throw isLeftAlone(provider, state, PROBE_WAIT_MS);
        state.probing = true;
      }
      try {
        const result = await call();
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
        if (isOpen) state.probing = false;
      }
    },
  };
}

/** What the provider asked to wait; `undefined` for a failure that is not its own. */
function countedDelayMs(error: unknown): number | undefined {
  if (!(error instanceof ApplicationFailure) || !COUNTED.has(error.type ?? '')) return undefined;
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
