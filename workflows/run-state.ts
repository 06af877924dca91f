// What one run has learned so far. One object for each workflow execution; module state is private to an execution.
import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import type { Answer } from './ask-question.ts';
import type { DecisionState } from './decisions.ts';
import type {
  Admission,
  Answered,
  BudgetLimit,
  Compensation,
  DayExtensions,
  Digest,
  FoundCounts,
  ModelAttempt,
  PinnedRelease,
  RerankReport,
  Risk,
  RunFlag,
  Sensitivity,
  StartInput,
  StepInput,
  StepPath,
  Unsettled,
  Usage,
  VerdictSummary,
} from './protocol/index.ts';
import { Failure, parseRunId, WIRE_VERSION } from './protocol/index.ts';

export interface RunState extends DecisionState {
  readonly envelope: StartInput;
  admission?: Admission;
  retrievedDocs: readonly string[];
  coverage: number | null;
  retrievalMs: number | null;
  /** What became of putting passages in order, of the latest search. */
  rerank?: RerankReport['outcome'];
  modelMs: number | null;
  model: string | null;
  usage: Usage;
  /** Calls that may have been paid for beside it. */
  unsettled?: Unsettled;
  citations: number;
  repairs: number;
  /** Model calls, repair turns included. */
  turns: number;
  /** Passages that did not fit into a prompt. */
  droppedPassages: number;
  /** Each model that was asked, of a release with several. */
  readonly attempts: ModelAttempt[];
  /** The highest of the tools that were asked for. Never falls back. */
  calledRisk: Risk;
  /** Calls of tools that were judged. */
  toolCalls: number;
  /** Text of documents or tools was in a model's context. Never falls back to false. */
  sawUntrusted: boolean;
  /** The highest that a model was shown. Never falls back. */
  sensitivity: Sensitivity;
  /** The flags of the rule of two: run-flags.ts raises them, and nothing takes one back. */
  readonly flags: Partial<Record<RunFlag, StepPath>>;
  /** What the access policy said after admission, by its content. */
  readonly verdicts: Map<string, VerdictSummary>;
  /** Personal data and secrets in its prompts, in numbers. */
  found?: FoundCounts;
  /** Waiting for people does not count against the run's time. */
  waitedMs: number;
  /** Waits for people that are under way, and since when there is at least one. */
  waiting: number;
  waitingSinceMs: number;
  /** Calls, and questions to people, that have not come to an end. */
  calling: number;
  /** The flow has returned: nothing more may begin. */
  ended: boolean;
  /** Soft limits that people, or the policy, have lifted. */
  readonly extensions: Set<BudgetLimit>;
  /** What is asked about soft limits, each once. */
  readonly extending: Map<BudgetLimit, Promise<Answer>>;
  /** What stands behind going on beyond the soft limits of a day. */
  readonly dayExtensions: DayExtensions['days'][number][];
  /** The latest answer that passed validation. */
  lastAnswered: Answered | null;
  /** What came of undoing effects, by effect key. */
  readonly compensations: Map<Digest, Compensation>;
  /** The end of the latest compensation that a flow asked for. */
  compensating?: Promise<void>;
  readonly ordinals: Map<string, number>;
}

let current: RunState | undefined;

export function openRun(envelope: StartInput): RunState {
  current = {
    envelope,
    runId: envelope.runId,
    tenant: envelope.tenant,
    retrievedDocs: [],
    coverage: null,
    retrievalMs: null,
    modelMs: null,
    model: null,
    usage: { inputTokens: 0, outputTokens: 0, cachedTokens: 0, costUsd: 0 },
    citations: 0,
    repairs: 0,
    turns: 0,
    droppedPassages: 0,
    attempts: [],
    calledRisk: 'low',
    toolCalls: 0,
    sawUntrusted: false,
    sensitivity: 'public',
    flags: {},
    verdicts: new Map(),
    waitedMs: 0,
    waiting: 0,
    waitingSinceMs: 0,
    calling: 0,
    ended: false,
    extensions: new Set(),
    extending: new Map(),
    dayExtensions: [],
    lastAnswered: null,
    compensations: new Map(),
    approvals: new Map(),
    early: [],
    ordinals: new Map(),
  };
  return current;
}

/** The run of this workflow execution. @throws Error outside of one */
export function currentRun(): RunState {
  if (current === undefined) {
    throw new Error('No run: this workflow runs on a worker that was not made by createWorker of countersign/worker');
  }
  return current;
}

export function admissionOf(state: RunState): Admission {
  if (state.admission === undefined) throw new Error(`Run ${state.runId} is not admitted yet`);
  return state.admission;
}

/** @throws ApplicationFailure InvalidInput, when the run was started without a release */
export function releaseOf(state: RunState): PinnedRelease {
  const release = admissionOf(state).release;
  if (release !== undefined) return release;
  throw ApplicationFailure.nonRetryable(
    `Run ${state.runId} was started without a release, and this step needs one`,
    Failure.InvalidInput,
  );
}

/** What steps need that ask again on whose behalf a run is: when it was started, and with which word. */
export function originOf({ envelope }: RunState): { readonly startedAt: string; readonly assertion?: string } {
  const { assertion } = envelope;
  const startedAt = workflowInfo().startTime.toISOString();
  return { startedAt, ...(assertion !== undefined && { assertion }) };
}

/**
 * What every step's input carries; ordinals count the uses of one step name in a run.
 *
 * @param within the step that this one is part of. @default none
 */
export function stepInput(state: RunState, name: string, within?: string): StepInput {
  const path = within === undefined ? name : `${within}/${name}`;
  const ordinal = (state.ordinals.get(path) ?? 0) + 1;
  state.ordinals.set(path, ordinal);
  const stepPath = `${workflowInfo().workflowType}/${path}#${ordinal}`;
  return { v: WIRE_VERSION, runId: state.runId, tenant: state.tenant, stepPath };
}

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    costUsd: a.costUsd === null || b.costUsd === null ? null : a.costUsd + b.costUsd,
  };
}

export function addUnsettled(a: Unsettled | undefined, b: Unsettled): Unsettled {
  if (a === undefined) return b;
  const costUsd = a.costUsd === null || b.costUsd === null ? null : a.costUsd + b.costUsd;
  return { calls: a.calls + b.calls, tokens: a.tokens + b.tokens, costUsd };
}

/** The start envelope in a workflow's arguments. @throws ApplicationFailure InvalidInput */
export function openEnvelope(args: readonly unknown[]): StartInput {
  const [first] = args;
  const invalid = (what: string): never => {
    throw ApplicationFailure.nonRetryable(
      `Not a countersign start: ${what}. Start runs through the countersign client.`,
      Failure.InvalidInput,
    );
  };
  if (typeof first !== 'object' || first === null) return invalid('the first argument is not an envelope');
  const envelope = first as StartInput;
  if (envelope.v !== WIRE_VERSION) return invalid(`wire version ${String(envelope.v)} is not ${WIRE_VERSION}`);
  const id = parseRunId(String(envelope.runId));
  if (id === undefined) return invalid('runId is not tenant/kind/ulid');
  if (envelope.runId !== workflowInfo().workflowId) return invalid('runId is not this workflow id');
  if (envelope.tenant !== id.tenant) return invalid('tenant is not that of the run id');
  return envelope;
}
