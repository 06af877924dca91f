// What every local step does around its verb: binds its input by a keyed hash and measures itself.
import { ApplicationFailure } from '@temporalio/common';
import { keyedHash } from '../runtime/canonical.ts';
import type { RunKeys } from '../runtime/keys.ts';
import type { LocalStepResult, StepInput } from '../workflows/protocol/index.ts';
import { Failure, HashPrefix } from '../workflows/protocol/index.ts';

/** The run's key. @throws ApplicationFailure NotInLedger, non-retryable */
export async function requireRunKey(runKeys: RunKeys, runId: string): Promise<Uint8Array> {
  const key = await runKeys.find(runId);
  if (key !== undefined) return key;
  throw ApplicationFailure.nonRetryable(
    `Run ${runId} has no row in the start ledger. Start runs through the countersign client.`,
    Failure.NotInLedger,
  );
}

/** Runs `body` and adds what each local step's result carries. */
export async function localStep<Input extends StepInput, Result extends object>(
  runKeys: RunKeys,
  input: Input,
  body: () => Promise<Result>,
): Promise<Result & LocalStepResult> {
  const started = performance.now();
  const runKey = await requireRunKey(runKeys, input.runId);
  const result = await body();
  return {
    ...result,
    v: 1,
    inputHash: keyedHash(runKey, HashPrefix.StepInput, input),
    durationMs: Math.round((performance.now() - started) * 10) / 10,
  };
}
