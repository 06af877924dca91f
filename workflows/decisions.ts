// The decision handlers of a run: an Update whose validator verifies everything, and a Signal through the same checks. The guard
// registers them before any code of the flow. What is refused goes to the security log through a sink, not into the history.
import { ApplicationFailure, defineSignal, defineUpdate, proxySinks, setHandler } from '@temporalio/workflow';
import type { Approval, CountedDecision } from './approval.ts';
import { applyDecision, keysOf, missingOf } from './approval.ts';
import type { ReadDecision } from './decision.ts';
import { bindingRefusal, readDecision, signatureRefusal } from './decision.ts';
import type {
  ApprovalId,
  DecideInput,
  DecideResult,
  DecisionRefusal,
  RefusedDecision,
  RunId,
  SecuritySinks,
} from './protocol/index.ts';
import { DECIDE, Failure, WIRE_VERSION } from './protocol/index.ts';

const { security } = proxySinks<SecuritySinks>();
const update = defineUpdate<DecideResult, [DecideInput]>(DECIDE);
const signal = defineSignal<[DecideInput]>(DECIDE);

/** The approvals of one run, by id. */
export type Approvals = Map<ApprovalId, Approval>;

/** Of decisions that come before the run knows their approval, so many are kept. */
const MAX_EARLY = 20;

export interface DecisionState {
  readonly runId: RunId;
  readonly tenant: string;
  readonly approvals: Approvals;
  /**
   * Signals that came too early: people see a request as soon as it is in the ledger, and a worker that is killed right then
   * learns of it only when it is back.
   */
  readonly early: DecideInput[];
}

interface Checked {
  readonly approval: Approval;
  readonly decision: ReadDecision;
}

export function handleDecisions(state: DecisionState): void {
  const { approvals, early } = state;
  const tell = (input: DecideInput, refusal: DecisionRefusal): void => refuse(state, input, refusal, 'update');

  setHandler(
    update,
    (input) => {
      // The validator has verified the signature; another decision may have come between.
      const checked = check(approvals, input, false);
      const counted = typeof checked === 'string' ? checked : count(approvals, input, checked);
      if (typeof counted !== 'string') return resultOf(counted);
      tell(input, counted);
      throw refused(input, counted);
    },
    {
      validator(input) {
        const refusal = refusalOf(approvals, input);
        if (refusal === undefined) return;
        tell(input, refusal);
        throw refused(input, refusal);
      },
    },
  );
  setHandler(signal, (input) => {
    const refusal = takeSignal(state, input);
    if (refusal === 'unknown-approval' && early.length < MAX_EARLY) early.push(input);
  });
}

/** An approval was opened: what came too early for it is held against it now, as if it came now. */
export function takeEarly(state: DecisionState, approvalId: ApprovalId): void {
  const mine = state.early.filter((input) => input.approvalId === approvalId);
  for (const input of mine) {
    state.early.splice(state.early.indexOf(input), 1);
    takeSignal(state, input);
  }
}

function takeSignal(state: DecisionState, input: DecideInput): DecisionRefusal | undefined {
  const checked = check(state.approvals, input, true);
  const counted = typeof checked === 'string' ? checked : count(state.approvals, input, checked);
  if (typeof counted !== 'string') return undefined;
  refuse(state, input, counted, 'signal');
  return counted;
}

function count(approvals: Approvals, input: DecideInput, { approval, decision }: Checked): Approval | DecisionRefusal {
  const next = applyDecision(approval, countedOf(input, decision), Date.now());
  if ('refusal' in next) return next.refusal;
  approvals.set(next.approval.pending.approvalId, next.approval);
  return next.approval;
}

function refuse(
  { runId, tenant }: DecisionState,
  input: DecideInput,
  refusal: DecisionRefusal,
  via: RefusedDecision['via'],
): void {
  security.refused({ v: WIRE_VERSION, runId, tenant, approvalId: idOf(input), refusal, via });
}

function refusalOf(approvals: Approvals, input: DecideInput): DecisionRefusal | undefined {
  const checked = check(approvals, input, true);
  if (typeof checked === 'string') return checked;
  const { approval, decision } = checked;
  const next = applyDecision(approval, countedOf(input, decision), Date.now());
  return 'refusal' in next ? next.refusal : undefined;
}

function check(approvals: Approvals, input: DecideInput, verify: boolean): Checked | DecisionRefusal {
  const decision = input?.v === WIRE_VERSION ? readDecision(input.decision) : undefined;
  if (decision === undefined) return 'malformed';
  const approval = approvals.get(input.approvalId);
  if (approval === undefined) return 'unknown-approval';
  if (!verify) return { approval, decision };
  const refusal = signatureRefusal(decision, keysOf(approval)) ?? bindingRefusal(decision, input.edited);
  return refusal ?? { approval, decision };
}

const countedOf = ({ decision: jws, edited }: DecideInput, { claims }: ReadDecision): CountedDecision => ({
  claims,
  jws,
  ...(edited !== undefined && { edited }),
});

function resultOf(approval: Approval): DecideResult {
  const { pending, state } = approval;
  return { v: WIRE_VERSION, approvalId: pending.approvalId, state, missing: missingOf(approval) };
}

/** Whatever a caller sent as an id, as a short text. */
function idOf(input: DecideInput | undefined): string {
  return typeof input?.approvalId === 'string' ? input.approvalId.slice(0, 200) : '';
}

function refused(input: DecideInput, refusal: DecisionRefusal): ApplicationFailure {
  return ApplicationFailure.create({
    message: `The decision on ${idOf(input) || 'an approval'} does not count: ${refusal}`,
    type: Failure.DecisionRefused,
    nonRetryable: true,
    details: [refusal],
  });
}
