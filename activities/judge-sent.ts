// The access policy before anything of a run goes to a model: of `generate`, and of what makes vectors and reorders passages.
import { ApplicationFailure } from '@temporalio/common';
import type { Denial } from '../policies/denials.ts';
import { denialRules } from '../policies/denials.ts';
import type { ModelResource } from '../policies/judge-model.ts';
import { judgeModel } from '../policies/judge-model.ts';
import type { AccessPolicy } from '../policies/load.ts';
import type { ReleaseBody } from '../releases/release.ts';
import type { StartedRun } from '../runtime/keys/index.ts';
import type { FoundCounts, ModelAccess, StepInput, Verdict } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import type { Inspection } from './detection/mask-prompt.ts';
import { nameOf, rulesText, runFactsOf } from './run-facts.ts';

interface Known {
  readonly start: StartedRun;
  readonly body: ReleaseBody;
  readonly standing: readonly Denial[];
  readonly inspection: Inspection;
  readonly model: ModelResource;
}

/** @throws ApplicationFailure ModelDenied, NotAsLedgered, non-retryable */
export function judgeSent(
  policy: AccessPolicy,
  input: StepInput & { readonly access?: ModelAccess },
  { start, body, standing, inspection, model }: Known,
): Verdict {
  const { access } = input;
  if (access === undefined) {
    throw ApplicationFailure.nonRetryable(
      `${input.stepPath} of run ${input.runId} does not say what is in its prompt: it was begun by an earlier version. Ask again.`,
      Failure.ModelDenied,
    );
  }
  const { principal, origins, sensitivity, sawUntrusted } = access;
  const { kinds: detected, counts } = inspection;
  if (principal.id !== start.requester) {
    throw ApplicationFailure.nonRetryable(
      `Run ${input.runId} was started by another principal than this step says`,
      Failure.NotAsLedgered,
    );
  }
  const denied = denialRules(standing, { release: nameOf(body), principals: [principal.id] });
  const asked = { ...runFactsOf(input, body), principal, model, sensitivity, origins, sawUntrusted, detected };
  const verdict = judgeModel(policy, asked, denied);
  if (verdict.decision !== 'deny') return verdict;
  throw ApplicationFailure.create({
    message: `The access policy does not let this request go to ${model.name} (${rulesText(verdict.rules)}).`,
    type: Failure.ModelDenied,
    nonRetryable: true,
    details: [verdict, { detected: counts, masked: {} } satisfies FoundCounts],
  });
}
