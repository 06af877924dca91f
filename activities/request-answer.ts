// The verb `requestAnswer`: writes what a run asks people beside calls: a yes, a value, a review, more of a budget. A local activity.
import { randomBytes } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { ulid } from 'ulid';
import { keyedHash } from '../runtime/canonical.ts';
import { messageOf } from '../runtime/errors.ts';
import { compileSchema } from '../runtime/json-schema.ts';
import type { RunKeys, StartedRun } from '../runtime/keys/index.ts';
import type {
  ApprovalRequest,
  ApproverKey,
  EngineActivities,
  LocalStepResult,
  RequestAnswerInput,
  RequestedAnswer,
  Subject,
} from '../workflows/protocol/index.ts';
import {
  ANONYMOUS,
  Failure,
  HashPrefix,
  MAX_SUBJECT_BYTES,
  previewOf,
  WIRE_VERSION,
} from '../workflows/protocol/index.ts';
import type { AnswerDependencies, Asking } from './answers.ts';
import { askingOf } from './answers.ts';
import { writeRequest } from './approval-requests.ts';
import { localStep, requireRelease } from './local-step.ts';
import { pendingOf } from './pending-approval.ts';
import { rulesText } from './run-facts.ts';

export interface RequestAnswerDependencies extends AnswerDependencies {
  readonly runKeys: RunKeys;
}

type Requested = Omit<RequestedAnswer, keyof LocalStepResult>;

export function createRequestAnswer(dependencies: RequestAnswerDependencies): EngineActivities['requestAnswer'] {
  return async (input) =>
    await localStep(dependencies.runKeys, input, async (start) => await request(input, start, dependencies));
}

async function request(
  input: RequestAnswerInput,
  start: StartedRun,
  dependencies: RequestAnswerDependencies,
): Promise<Requested> {
  const { subject, tenant, expiresAfterMs } = input;
  requireSound(input);
  const now = dependencies.now?.() ?? new Date();
  const asking = await askingOf(input, start, subject, dependencies, { now, expiresAfterMs });
  if (!('demand' in asking)) {
    const { verdict } = asking;
    if (verdict.decision === 'allow') return { outcome: 'allowed', message: '', verdict };
    return { outcome: 'denied', message: `It may not have more (${rulesText(verdict.rules)}).`, verdict };
  }
  const { verdict } = asking;
  const judged = verdict === undefined ? {} : { verdict };
  const { able, others } = whoMay(asking, start.requester);
  const nobody = nobodyOf(asking, able, start.requester);
  if (nobody !== undefined) return { outcome: 'nobody', message: nobody, ...judged };
  const releaseDigest = requireRelease(input.runId, start);
  const { body } = await dependencies.releases.require(tenant, releaseDigest);
  const release = { policyDigest: dependencies.policy.digest, risk: body.risk, releaseDigest };
  const proposed = requestOf(input, start, asking, release);
  const written = await writeRequest(dependencies.db.of(tenant), start, proposed);
  return { outcome: 'asked', message: '', pending: pendingOf(start, written, able, others), ...judged };
}

function requestOf(
  input: RequestAnswerInput,
  start: StartedRun,
  { demand, verdict, asksRequester }: Asking,
  release: Pick<ApprovalRequest, 'policyDigest' | 'risk' | 'releaseDigest'>,
): ApprovalRequest {
  const { tenant, runId, stepPath, subject, labels, requestedAt } = input;
  const preview = previewOf(subject);
  const after = (ms: number): string => new Date(Date.parse(requestedAt) + ms).toISOString();
  return {
    v: WIRE_VERSION,
    approvalId: `${tenant}/approval/${ulid()}`,
    kind: subject.kind,
    workflowId: runId,
    stepPath,
    preview,
    previewHash: keyedHash(start.key, HashPrefix.ApprovalPreview, preview),
    ...release,
    labels,
    rules: verdict?.rules ?? [],
    requester: start.requester,
    quorum: demand.quorum,
    notBefore: requestedAt,
    expiresAt: after(demand.expiresAfterMs),
    useBy: after(demand.useWithinMs),
    nonce: randomBytes(16).toString('hex'),
    subject,
    ...(asksRequester && { asksRequester }),
  };
}

/** Keys of those who may answer; and of those to whom they may delegate. The requester's stay in, so that theirs is refused for what it is. */
function whoMay(
  { keys, demand, asksRequester, mayAnswer }: Asking,
  requester: string,
): { readonly able: readonly ApproverKey[]; readonly others: readonly ApproverKey[] } {
  const may = ({ approver, groups }: ApproverKey): boolean => mayAnswer({ id: approver, groups }).decision !== 'deny';
  if (asksRequester) return { able: keys.filter(may), others: [] };
  const isAsked = ({ groups }: ApproverKey): boolean => groups.some((group) => demand.quorum.groups.includes(group));
  const able = keys.filter((key) => key.approver === requester || (isAsked(key) && may(key)));
  return { able, others: keys.filter((key) => !able.includes(key) && may(key)) };
}

function nobodyOf(
  { demand: { quorum }, asksRequester }: Asking,
  able: readonly ApproverKey[],
  requester: string,
): string | undefined {
  if (asksRequester) {
    if (requester === ANONYMOUS) return 'Nobody can answer as anonymous: the run was started without a principal.';
    return able.length > 0 ? undefined : `The access policy does not let ${requester} answer.`;
  }
  const people = new Set(able.map(({ approver }) => approver).filter((approver) => approver !== requester)).size;
  if (people >= quorum.n) return undefined;
  return `It needs ${quorum.n} of ${quorum.groups.join(', ')} beside ${requester}, and the registry has ${people}.`;
}

/** @throws ApplicationFailure InvalidInput, non-retryable: a bug of the flow */
function requireSound(input: RequestAnswerInput): void {
  const { subject } = input;
  const bytes = Buffer.byteLength(JSON.stringify(subject));
  if (bytes > MAX_SUBJECT_BYTES) {
    throw invalid(input, `what it asks has ${bytes} bytes; at most ${MAX_SUBJECT_BYTES} are taken`);
  }
  if (previewOf(subject).trim() === '') throw invalid(input, 'it asks nothing');
  if ('groups' in subject && subject.groups?.length === 0) throw invalid(input, 'it asks no group');
  const problem = subject.kind === 'input' ? schemaProblem(subject) : undefined;
  if (problem !== undefined) throw invalid(input, `the schema of what it asks for cannot be enforced: ${problem}`);
}

function schemaProblem({ schema }: Extract<Subject, { readonly kind: 'input' }>): string | undefined {
  try {
    compileSchema(schema);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

const invalid = ({ runId, stepPath }: RequestAnswerInput, why: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(`${stepPath} of run ${runId}: ${why}`, Failure.InvalidInput);
