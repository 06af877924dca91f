// Who a run acts for, from its assertion: what `admit` and the funnel both ask, each for itself.
import { ApplicationFailure } from '@temporalio/common';
import type { AssertionKey } from '../runtime/assertion.ts';
import { verifyAssertion } from '../runtime/assertion.ts';
import { messageOf } from '../runtime/errors.ts';
import type { StartedRun } from '../runtime/keys/index.ts';
import type { Principal, RunId } from '../workflows/protocol/index.ts';
import { anonymous, Failure } from '../workflows/protocol/index.ts';

interface Asserted {
  readonly runId: RunId;
  readonly tenant: string;
  readonly startedAt: string;
  readonly assertion?: string;
}

/** @throws ApplicationFailure AssertionInvalid, non-retryable */
export async function principalOf(input: Asserted, key: AssertionKey): Promise<Principal> {
  const { runId: run, tenant, startedAt, assertion } = input;
  if (assertion === undefined) return anonymous(tenant);
  try {
    return await verifyAssertion(key, assertion, { run, tenant, startedAt });
  } catch (error) {
    throw ApplicationFailure.nonRetryable(
      `The principal assertion of run ${run} does not verify: ${messageOf(error)}`,
      Failure.AssertionInvalid,
    );
  }
}

/** The same, held against the ledger's row. @throws ApplicationFailure AssertionInvalid, NotAsLedgered, non-retryable */
export async function ledgeredPrincipal(input: Asserted, start: StartedRun, key: AssertionKey): Promise<Principal> {
  const principal = await principalOf(input, key);
  if (principal.id === start.requester) return principal;
  throw ApplicationFailure.nonRetryable(
    `Run ${input.runId} was started by another principal than this step says`,
    Failure.NotAsLedgered,
  );
}
