// What every local step does around its verb: binds its input by a keyed hash and measures itself.
import { ApplicationFailure } from '@temporalio/common';
import { keyedHash } from '../runtime/canonical.ts';
import type { RunKeys, StartedRun } from '../runtime/keys/index.ts';
import type { Digest, LocalStepResult, StepInput } from '../workflows/protocol/index.ts';
import { Failure, HashPrefix } from '../workflows/protocol/index.ts';

/** The run's row in the start ledger. @throws ApplicationFailure NotInLedger, non-retryable */
export async function requireStart(runKeys: RunKeys, runId: string): Promise<StartedRun> {
  const started = await runKeys.find(runId);
  if (started !== undefined) return started;
  throw ApplicationFailure.nonRetryable(
    `Run ${runId} has no row in the start ledger. Start runs through the countersign client.`,
    Failure.NotInLedger,
  );
}

/** The release that a run was started with. @throws ApplicationFailure InvalidInput, non-retryable, without one */
export function requireRelease(runId: string, { releaseDigest }: StartedRun): Digest {
  if (releaseDigest !== null) return releaseDigest;
  throw ApplicationFailure.nonRetryable(`Run ${runId} was started without a release`, Failure.InvalidInput);
}

/** Runs `body` and adds what each local step's result carries. */
export async function localStep<Input extends StepInput, Result extends object>(
  runKeys: RunKeys,
  input: Input,
  body: (start: StartedRun) => Promise<Result>,
): Promise<Result & LocalStepResult> {
  const started = performance.now();
  const start = await requireStart(runKeys, input.runId);
  const result = await body(start);
  return {
    ...result,
    v: 1,
    inputHash: keyedHash(start.key, HashPrefix.StepInput, input),
    durationMs: Math.round((performance.now() - started) * 10) / 10,
  };
}
