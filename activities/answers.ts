// Who may answer what a run asks beside calls, and whether an answer holds: looked at when it is asked, and again before the run goes
// on by it. Independent of what the workflow checked.
import { ApplicationFailure } from '@temporalio/common';
import { DEFAULT_EXPIRES_AFTER_MS, DEFAULT_USE_WITHIN_MS } from '../policies/approval-demand.ts';
import type { ApproverRegistry } from '../policies/approver-registry.ts';
import { denialRules } from '../policies/denials.ts';
import { judgeAnswer } from '../policies/judge-answer.ts';
import { judgeBudget } from '../policies/judge-budget.ts';
import type { AccessPolicy } from '../policies/load.ts';
import type { AssertionKey } from '../runtime/assertion.ts';
import type { Database } from '../runtime/database.ts';
import type { StartedRun } from '../runtime/keys/index.ts';
import type {
  AnswerReceipt,
  ApprovalDemand,
  ApprovalId,
  ApprovalRequest,
  ApproverKey,
  DecisionClaims,
  StepInput,
  Subject,
  Verdict,
} from '../workflows/protocol/index.ts';
import { Failure, previewOf } from '../workflows/protocol/index.ts';
import { hashOfRequest, requireRequest } from './approval-requests.ts';
import { countDecisions } from './count-decisions.ts';
import type { Denials } from './denials.ts';
import { ledgerTime } from './ledger-time.ts';
import { requireRelease } from './local-step.ts';
import { ledgeredPrincipal } from './principal.ts';
import type { Releases } from './release-cache.ts';
import { runFactsOf } from './run-facts.ts';
import type { SecurityLog } from './security-log.ts';

export interface AnswerDependencies {
  readonly db: Database;
  readonly policy: AccessPolicy;
  readonly releases: Releases;
  readonly denials: Denials;
  readonly approvers: ApproverRegistry;
  readonly assertionKey: AssertionKey;
  readonly securityLog: SecurityLog;
  /** Stands for the ledger's clock in tests. @default the database's `now()` */
  readonly now?: () => Date;
}

export interface AskingStep extends Pick<StepInput, 'runId' | 'tenant'> {
  readonly startedAt: string;
  readonly assertion?: string;
}

/** Nobody need be asked, nobody may be, or these. */
export interface Asking {
  readonly demand: ApprovalDemand;
  /** Of a budget. */
  readonly verdict?: Verdict;
  readonly asksRequester: boolean;
  /** Valid now. */
  readonly keys: readonly ApproverKey[];
  mayAnswer(person: { readonly id: string; readonly groups: readonly string[] }): Verdict;
}

/** What of an answer counted. */
export interface HeldAnswer {
  readonly request: ApprovalRequest & { readonly subject: Subject };
  readonly by: readonly string[];
  /** The decision that ended it, if it was not approved as it stands. */
  readonly ended?: DecisionClaims;
}

/** Whom a subject is put to, as registry and policy are now; or the verdict that nobody is. */
export async function askingOf(
  input: AskingStep,
  start: StartedRun,
  subject: Subject,
  dependencies: AnswerDependencies,
  times: { readonly now: Date; readonly expiresAfterMs?: number | undefined },
): Promise<Asking | { readonly verdict: Verdict }> {
  const { policy, releases, denials, approvers, assertionKey } = dependencies;
  const { tenant, runId } = input;
  const [{ body }, standing] = await Promise.all([
    releases.require(tenant, requireRelease(runId, start)),
    denials.recent(tenant),
  ]);
  const facts = runFactsOf({ runId, tenant }, body);
  let demand: ApprovalDemand = demandOf(subject, times.expiresAfterMs);
  let verdict: Verdict | undefined;
  if (subject.kind === 'budget') {
    const principal = await ledgeredPrincipal(input, start, assertionKey);
    const denied = denialRules(standing, { principals: [principal.id] });
    verdict = judgeBudget(policy, { ...facts, principal, limit: subject.limit }, denied);
    if (verdict.approval === undefined) return { verdict };
    demand = verdict.approval;
  }
  const { requester } = start;
  const asksRequester = asksWhoeverAsked(subject);
  const registered = approvers.current(times.now);
  const judged = new Map<string, Verdict>();
  return {
    demand,
    asksRequester,
    keys: asksRequester ? [gatewayKey(assertionKey, requester), ...registered.filter(isOf(requester))] : registered,
    ...(verdict !== undefined && { verdict }),
    mayAnswer(person) {
      const before = judged.get(person.id);
      if (before !== undefined) return before;
      const denied = denialRules(standing, { principals: [person.id] });
      const answer = judgeAnswer(policy, { ...facts, kind: subject.kind, person, requester }, denied);
      judged.set(person.id, answer);
      return answer;
    },
  };
}

/**
 * An answer, held against everything again: the request as the ledger has it, signatures, registry, groups, times, policy. What came
 * with it as a value is the caller's to compare with `ended.editedHash`.
 *
 * @throws ApplicationFailure ReceiptRefused, non-retryable
 */
export async function requireAnswer(
  input: AskingStep,
  { approvalId, decisions }: AnswerReceipt,
  start: StartedRun,
  dependencies: AnswerDependencies,
): Promise<HeldAnswer> {
  const sql = dependencies.db.of(input.tenant);
  const request = await requireRequest(sql, start, { runId: input.runId, approvalId });
  const { subject, requester } = request;
  if (subject === undefined || subject.kind !== request.kind) throw refused(approvalId, 'it is no question of a run');
  if (requester !== start.requester) throw refused(approvalId, 'it names another requester');
  const now = dependencies.now?.() ?? (await ledgerTime(sql));
  if (!(now.getTime() <= Date.parse(request.useBy)))
    throw refused(approvalId, `it could be used until ${request.useBy}`);
  const asking = await askingOf(input, start, subject, dependencies, { now });
  if (!('demand' in asking)) {
    if (asking.verdict.decision === 'allow') return { request: { ...request, subject }, by: [] };
    throw refused(approvalId, 'the access policy does not allow it any more');
  }
  const { demand, keys, asksRequester, mayAnswer } = asking;
  if (asksRequester !== (request.asksRequester === true)) throw refused(approvalId, 'it asks somebody else');
  const counted = await countDecisions({
    request,
    requestHash: hashOfRequest(start, request),
    decisions,
    keys,
    requester,
    vouchingKid: dependencies.assertionKey.kid,
    groups: request.quorum.groups.filter((group) => demand.quorum.groups.includes(group)),
    mayApprove: mayAnswer,
    now,
  });
  if ('fault' in counted) throw refused(approvalId, counted.fault);
  const { approvers, signers, ended } = counted;
  const needed = Math.max(request.quorum.n, demand.quorum.n);
  if (ended === undefined && (approvers.length < needed || subject.kind === 'input')) {
    throw refused(approvalId, `${approvers.length} of ${needed} answered`);
  }
  if (ended !== undefined && !isAnswer(subject, ended)) {
    throw refused(approvalId, `${ended.approver} did not answer with a yes`);
  }
  return { request: { ...request, subject }, by: signers, ...(ended !== undefined && { ended }) };
}

/** The subject, where the policy lets it through without people. @throws ApplicationFailure ReceiptRefused, non-retryable */
export async function requireAllowed(
  input: AskingStep,
  subject: Subject,
  start: StartedRun,
  dependencies: AnswerDependencies,
): Promise<Subject> {
  const asking = await askingOf(input, start, subject, dependencies, { now: new Date() });
  if (!('demand' in asking) && asking.verdict.decision === 'allow') return subject;
  throw refused(previewOf(subject), 'nobody let the run go on');
}

/** What does not hold goes to the security log, as with effects. */
export async function loggingRefusals<T>(
  { tenant, runId }: Pick<AskingStep, 'tenant' | 'runId'>,
  approvalId: ApprovalId | null,
  log: SecurityLog,
  hold: () => Promise<T>,
): Promise<T> {
  try {
    return await hold();
  } catch (error) {
    if (error instanceof ApplicationFailure && error.type === Failure.ReceiptRefused) {
      await log.write({ tenant, runId, approvalId, event: 'answer-refused', reason: error.message, via: 'worker' });
    }
    throw error;
  }
}

function isAnswer({ kind }: Subject, { decision, editedHash }: DecisionClaims): boolean {
  if (editedHash === undefined) return false;
  return (
    (kind === 'input' && decision === 'respond') ||
    (kind === 'review' && (decision === 'edit' || decision === 'respond'))
  );
}

function demandOf(subject: Subject, expiresAfterMs = DEFAULT_EXPIRES_AFTER_MS): ApprovalDemand {
  const groups = 'groups' in subject ? (subject.groups ?? []) : [];
  return {
    quorum: { n: 1, groups: [...new Set(groups)].sort() },
    expiresAfterMs,
    useWithinMs: expiresAfterMs + DEFAULT_USE_WITHIN_MS,
  };
}

const asksWhoeverAsked = (subject: Subject): boolean =>
  subject.kind === 'confirm' || (subject.kind === 'input' && subject.groups === undefined);

/** Whoever signs principals may answer in the name of the one that the run acts for, and of nobody else. */
const gatewayKey = ({ kid, x }: AssertionKey, approver: string): ApproverKey => ({ approver, kid, x, groups: [] });

const isOf =
  (approver: string) =>
  (key: ApproverKey): boolean =>
    key.approver === approver;

function refused(approvalId: string, why: string): ApplicationFailure {
  return ApplicationFailure.create({
    message: `The answer to ${approvalId} does not hold: ${why}. The run does not go on by it.`,
    type: Failure.ReceiptRefused,
    nonRetryable: true,
    details: [why],
  });
}
