// How long activities tell Temporal that they live, and stop when they are cancelled. Works in MockActivityEnvironment too; only
// activities may import it.
import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';

/** Well under any heartbeat timeout, and seldom enough to cost nothing. */
const INTERVAL_MS = 1000;

/** Well inside the shortest heartbeat timeout of `workflows/proxies.ts`. */
const HEARTBEAT_MS = 3_000;

/** Heartbeats while the work goes on: for one that has no progress to tell. */
export async function withHeartbeats<Result>(work: () => Promise<Result>): Promise<Result> {
  const timer = setInterval(() => heartbeat(), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

export interface Progress<Details extends object = Readonly<Record<string, number>>> {
  /** What the attempt before this one noted last. */
  readonly resumed: Details | undefined;
  /**
   * Notes how far the work is; heartbeats at most once a second.
   *
   * @throws CancelledFailure when the activity was cancelled or its worker shuts down
   */
  report(details: Details): void;
  /** Waits for something long that cannot report by itself (one statement, one request), heartbeating meanwhile. */
  during<Result>(work: Promise<Result>): Promise<Result>;
}

export function createProgress<Details extends object = Readonly<Record<string, number>>>(): Progress<Details> {
  const signal = cancellationSignal();
  const resumed = activityInfo().heartbeatDetails as Details | undefined;
  let details = resumed;
  let lastMs = 0;
  const beat = (): void => {
    lastMs = performance.now();
    heartbeat(details ?? {});
  };
  beat();
  return {
    resumed,
    report(latest) {
      details = latest;
      signal.throwIfAborted();
      if (performance.now() - lastMs >= INTERVAL_MS) beat();
    },
    async during(work) {
      const timer = setInterval(beat, INTERVAL_MS);
      try {
        return await work;
      } finally {
        clearInterval(timer);
        signal.throwIfAborted();
      }
    },
  };
}
