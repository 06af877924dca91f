// The guard of every run, installed by createWorker and unknown to the flow: admits before user code, lets only declared
// activities be scheduled, accepts only replies made by the run's own steps, and records however the run ends.
import type {
  ActivityInput,
  LocalActivityInput,
  Next,
  SignalInput,
  UpdateInput,
  WorkflowExecuteInput,
  WorkflowInboundCallsInterceptor,
  WorkflowInterceptorsFactory,
  WorkflowOutboundCallsInterceptor,
} from '@temporalio/workflow';
import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  ContinueAsNew,
  condition,
  isCancellation,
  TemporalFailure,
  workflowInfo,
} from '@temporalio/workflow';
import { limitOf } from './budget.ts';
import { settleCalls } from './call-step.ts';
import { compensateAtEnd, compensationsOf } from './compensate-step.ts';
import { handleDecisions } from './decisions.ts';
import { isGranted, isMinted, mint } from './grants.ts';
import { localStep } from './local-step.ts';
import { maintain, requireMaintenanceStart } from './maintain.ts';
import type {
  BudgetExhausted,
  Compensation,
  Failed,
  Outcome,
  RecordInput,
  Refused,
  Reply,
  RunId,
} from './protocol/index.ts';
import {
  COLLECTION_KINDS,
  ENGINE_ACTIVITIES,
  Failure,
  MAINTAIN,
  MAX_FAILURE_MESSAGE_CHARS,
  WIRE_VERSION,
} from './protocol/index.ts';
import { flagsNow } from './run-flags.ts';
import type { RunState } from './run-state.ts';
import { currentRun, openEnvelope, openRun, stepInput } from './run-state.ts';

/** Admitted as an ingest of their collection is. */
const COLLECTION_ACTIONS: ReadonlySet<string> = new Set(COLLECTION_KINDS);
const ENGINE: ReadonlySet<string> = new Set(ENGINE_ACTIVITIES);

class Guard implements WorkflowInboundCallsInterceptor {
  async execute(input: WorkflowExecuteInput, next: Next<WorkflowInboundCallsInterceptor, 'execute'>): Promise<unknown> {
    if (workflowInfo().workflowType === MAINTAIN) {
      requireMaintenanceStart(input.args);
      // Not `next`: what a workflow file exports by this name never runs.
      return await maintain();
    }
    const state = openRun(openEnvelope(input.args));
    // First of all: an Update that comes before its handler is there would be turned away.
    handleDecisions(state);
    try {
      await admit(state);
      const value = isDenied(state) ? denial(state) : await next({ ...input, args: [state.envelope.request] });
      await settleCalls(state);
      if (!allHandlersFinished()) await condition(allHandlersFinished);
      const reply = requireMinted(state, value);
      await record(state, outcomeOf(reply), detailOf(reply));
      return reply;
    } catch (thrown) {
      const error = withinRun(thrown);
      // Anything else is a bug in the flow: Temporal retries the workflow task until a fixed version is deployed.
      // Recording here would leave an event that the fixed version could not replay.
      if (!(error instanceof TemporalFailure)) throw error;
      await CancellationScope.nonCancellable(() => settleCalls(state));
      await compensateAtEnd(state);
      if (isCancellation(error)) {
        await record(state, 'cancelled', '');
        throw error;
      }
      const limit = limitOf(error);
      if (limit !== undefined) {
        const reply = mint<BudgetExhausted>({
          ...replyBase(state),
          kind: 'budget-exhausted',
          limit,
          last: state.lastAnswered,
          ...compensationsOf(state),
        });
        await record(state, reply.kind, limit);
        return reply;
      }
      const failed = failureReply(state, error);
      // Without a ledger row there is nothing to record under: the sweep of the start ledger reports such runs.
      if (failed.code !== Failure.NotInLedger) await record(state, 'failed', failed.code);
      throw ApplicationFailure.create({
        message: failed.message,
        type: Failure.RunFailed,
        nonRetryable: true,
        details: [failed],
        cause: error,
      });
    }
  }

  // Handlers of the flow's own: what they throw goes to Temporal past `execute`.
  async handleSignal(input: SignalInput, next: Next<WorkflowInboundCallsInterceptor, 'handleSignal'>): Promise<void> {
    try {
      await next(input);
    } catch (thrown) {
      throw withinRun(thrown);
    }
  }

  async handleUpdate(
    input: UpdateInput,
    next: Next<WorkflowInboundCallsInterceptor, 'handleUpdate'>,
  ): Promise<unknown> {
    try {
      return await next(input);
    } catch (thrown) {
      throw withinRun(thrown);
    }
  }
}

class Fence implements WorkflowOutboundCallsInterceptor {
  // Not async, like localStep: these two are on the path of every step.
  scheduleActivity(
    input: ActivityInput,
    next: Next<WorkflowOutboundCallsInterceptor, 'scheduleActivity'>,
  ): Promise<unknown> {
    const refusal = refusalOf(input.activityType, input.args);
    return refusal === undefined ? next(input) : Promise.reject(refusal);
  }

  scheduleLocalActivity(
    input: LocalActivityInput,
    next: Next<WorkflowOutboundCallsInterceptor, 'scheduleLocalActivity'>,
  ): Promise<unknown> {
    const refusal = refusalOf(input.activityType, input.args);
    return refusal === undefined ? next(input) : Promise.reject(refusal);
  }

  async startChildWorkflowExecution(): Promise<never> {
    return unsupported('start a child workflow');
  }

  async signalWorkflow(): Promise<never> {
    return unsupported('signal another workflow');
  }

  async startNexusOperation(): Promise<never> {
    return unsupported('start a Nexus operation');
  }

  async continueAsNew(): Promise<never> {
    return unsupported('continue as new');
  }
}

export const interceptors: WorkflowInterceptorsFactory = () => ({ inbound: [new Guard()], outbound: [new Fence()] });

async function admit(state: RunState): Promise<void> {
  const { envelope } = state;
  const { workflowType, startTime } = workflowInfo();
  state.admission = await localStep('admit', {
    ...stepInput(state, 'admit'),
    workflowType,
    action: COLLECTION_ACTIONS.has(workflowType) ? 'ingest' : 'ask',
    startedAt: startTime.toISOString(),
    request: envelope.request,
    ...(envelope.assertion !== undefined && { assertion: envelope.assertion }),
    ...(envelope.release !== undefined && { release: envelope.release }),
    ...(envelope.collection !== undefined && { collection: envelope.collection }),
  });
}

function isDenied(state: RunState): boolean {
  return state.admission?.verdict.decision === 'deny';
}

function denial(state: RunState): Refused {
  const verdict = state.admission?.verdict;
  const rules = verdict !== undefined && verdict.rules.length > 0 ? verdict.rules.join(', ') : 'no policy allows it';
  return mint<Refused>({
    ...replyBase(state),
    kind: 'refused',
    reason: 'policy-denied',
    message: `You may not ${verdict?.facts.action ?? 'do this'} here (${rules}).`,
  });
}

function replyBase(state: RunState): { v: typeof WIRE_VERSION; runId: RunId; releaseDigest?: `sha256:${string}` } {
  const digest = state.admission?.release?.digest;
  return { v: WIRE_VERSION, runId: state.runId, ...(digest !== undefined && { releaseDigest: digest }) };
}

function requireMinted(state: RunState, value: unknown): object {
  if (isMinted(value)) return value;
  throw ApplicationFailure.nonRetryable(
    `The flow of run ${state.runId} returned something that is not a reply of its run. Return run.answer(draft), run.refuse(…) or run.clarify(…).`,
    Failure.UnmintedReply,
  );
}

/** Why an activity may not be scheduled, or `undefined` if it may. */
function refusalOf(activityType: string, args: readonly unknown[]): ApplicationFailure | undefined {
  if (ENGINE.has(activityType)) {
    if (isGranted(args[0])) return undefined;
    return ApplicationFailure.nonRetryable(
      `A flow may not schedule the engine's activity ${activityType} itself. Use the steps of its run.`,
      Failure.UndeclaredActivity,
    );
  }
  const state = currentRun();
  if (state.admission?.declared.includes(activityType) === true) return undefined;
  return ApplicationFailure.nonRetryable(
    `Activity ${activityType} is not declared. Give it to createWorker as pure(…).`,
    Failure.UndeclaredActivity,
  );
}

function unsupported(what: string): never {
  throw unsupportedFailure(what);
}

const unsupportedFailure = (what: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(`A flow cannot ${what} yet: it would leave the run's record.`, Failure.Unsupported);

/** What was thrown; thrown past `Fence.continueAsNew`, the SDK's own signal to continue as new is refused like the call. */
const withinRun = (thrown: unknown): unknown =>
  thrown instanceof ContinueAsNew ? unsupportedFailure('continue as new') : thrown;

function failureReply(state: RunState, error: TemporalFailure): Failed {
  const cause = error instanceof ActivityFailure && error.cause instanceof TemporalFailure ? error.cause : error;
  const code = cause instanceof ApplicationFailure ? (cause.type ?? cause.name) : cause.name;
  return {
    ...replyBase(state),
    kind: 'failed',
    code,
    message: cause.message.slice(0, MAX_FAILURE_MESSAGE_CHARS),
    ...compensationsOf(state),
  };
}

async function record(state: RunState, outcome: Outcome, outcomeDetail: string): Promise<void> {
  const { admission, envelope } = state;
  const info = workflowInfo();
  const input: RecordInput = {
    ...stepInput(state, 'record'),
    workflowType: info.workflowType,
    startedAt: info.startTime.toISOString(),
    ...(envelope.traceparent !== undefined && { traceparent: envelope.traceparent }),
    outcome,
    outcomeDetail,
    ...(admission !== undefined && { verdict: admission.verdict }),
    ...(admission?.release !== undefined && { release: admission.release }),
    ...(admission?.generation !== undefined && { generation: admission.generation }),
    buildId: admission?.buildId ?? '',
    retrievedDocs: state.retrievedDocs,
    coverage: state.coverage,
    retrievalMs: state.retrievalMs,
    modelMs: state.modelMs,
    model: state.model,
    usage: state.usage,
    citations: state.citations,
    repairs: state.repairs,
    ...(state.toolCalls > 0 && { toolCalls: state.toolCalls }),
    ...(state.approvals.size > 0 && { approvals: state.approvals.size }),
    ...(state.compensations.size > 0 && { compensations: [...state.compensations.values()].map(withoutWords) }),
    ...(state.unsettled !== undefined && { unsettled: state.unsettled }),
    ...(state.droppedPassages > 0 && { droppedPassages: state.droppedPassages }),
    ...(state.attempts.length > 0 && { attempts: state.attempts }),
    ...(state.found !== undefined && { found: state.found }),
    ...(state.rerank !== undefined && { rerank: state.rerank }),
    ...(Object.keys(state.flags).length > 0 && { flags: flagsNow(state) }),
    ...(state.verdicts.size > 0 && { verdicts: [...state.verdicts.values()] }),
  };
  await CancellationScope.nonCancellable(() => localStep('record', input));
}

/** A trace is no place for words of people. */
const withoutWords = ({ effectKey, tool, by, status }: Compensation) => ({ effectKey, tool, by, status });

const REPORTED: Readonly<Record<string, Outcome>> = { search: 'searched', index: 'checked', drop: 'dropped' };

function outcomeOf(value: object): Outcome {
  if ('kind' in value) return (value as Reply).kind;
  return ('report' in value ? REPORTED[String(value.report)] : undefined) ?? 'ingested';
}

function detailOf(value: object): string {
  return 'kind' in value && (value as Reply).kind === 'refused' ? (value as Refused).reason : '';
}
