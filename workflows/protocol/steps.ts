// The activities of the engine: their names, and the inputs and results of those that begin and end a run. Types only, so both sides of the
// wire read one file.

import type {
  CallJudgement,
  CallToolInput,
  CloseApprovalInput,
  JudgeCallInput,
  PlannedCompensations,
  RequestAnswerInput,
  RequestApprovalInput,
  RequestedAnswer,
  RequestedApproval,
  TakeAnswerInput,
  TakenAnswer,
} from './call-steps.ts';
import type {
  CheckIndexInput,
  DropCollectionInput,
  DroppedCollection,
  IndexCheck,
  RerankReport,
} from './collections.ts';
import type { Compensation } from './compensation.ts';
import type { Digest } from './ids.ts';
import type { IndexedGeneration, IndexGenerationInput, OpenedGeneration, OpenGenerationInput } from './ingest-steps.ts';
import type { WireVersion } from './limits.ts';
import type {
  Assembled,
  AssembleInput,
  DayExtensions,
  FoundCounts,
  GenerateInput,
  Generation,
  ModelAccess,
  ModelAttempt,
  Withheld,
} from './model-steps.ts';
import type { IndexGeneration, Passage } from './passage.ts';
import type { Principal } from './principal.ts';
import type { FinishReason, Unsettled, Usage } from './prompt.ts';
import type { PinnedRelease, ReleaseRef } from './release.ts';
import type { Citation } from './reply.ts';
import type { RunFlags } from './rule-of-two.ts';
import type {
  Embedded,
  EmbedInput,
  PaidStep,
  Reranked,
  RerankInput,
  Retrieval,
  RetrieveInput,
} from './search-steps.ts';
import type { LocalStepResult, StepInput } from './step.ts';
import type { CallResult } from './tool.ts';
import type { Outcome } from './trace.ts';
import type { Action, Verdict, VerdictSummary } from './verdict.ts';

export interface AdmitInput extends StepInput {
  readonly workflowType: string;
  readonly action: Action;
  /** RFC 3339: when Temporal accepted the start. */
  readonly startedAt: string;
  readonly assertion?: string;
  readonly release?: { readonly ref: ReleaseRef; readonly digest: Digest };
  readonly collection?: string;
  /** What the flow will see; compared with the hash that the ledger has of it. */
  readonly request: unknown;
}

export interface Admission extends LocalStepResult {
  readonly principal: Principal;
  readonly verdict: Verdict;
  readonly release?: PinnedRelease;
  /** The index generation that was current at admission, for releases with retrieval. */
  readonly generation?: IndexGeneration;
  /** Activities that this worker's author declared as pure; nothing else may be scheduled by a flow. */
  readonly declared: readonly string[];
  readonly buildId: string;
}

export interface ValidateInput extends StepInput {
  readonly releaseDigest: Digest;
  readonly question: string;
  readonly text: string;
  readonly finishReason: FinishReason;
  readonly passages: readonly Passage[];
  /** Of the generation: quotes are held against passages in which the same values are hidden. */
  readonly withheld?: Withheld;
  /** It is a question to whoever asked: it cites nothing. */
  readonly asksBack?: true;
}

export interface CheckRemotelyInput extends ValidateInput {
  /** Names of checks. */
  readonly pending: readonly string[];
}

export interface ModerateInput extends StepInput {
  readonly releaseDigest: Digest;
  readonly question: string;
  /** The answer, as it would be given out. */
  readonly text: string;
  readonly access: ModelAccess;
  readonly extended?: DayExtensions;
}

export interface JudgeAnswerInput extends ModerateInput {
  readonly passages: readonly Passage[];
}

/** A check that was paid for. */
export interface PaidCheck extends PaidStep {
  readonly check: Check;
  /** Why, as the model that judged puts it: of use to who looks into it, and no text for whoever asked. Absent where it said nothing. */
  readonly remark?: string;
}

export interface RemotelyChecked {
  readonly v: WireVersion;
  readonly checks: readonly Check[];
}

export interface Check {
  readonly name: string;
  readonly passed: boolean;
  /** 0–1, or `null` where there is nothing to score. */
  readonly score: number | null;
  readonly threshold: number | null;
  readonly reason: string;
  /** Another draft would not mend it: the question is what does not pass, or nobody could be asked. Absent otherwise. */
  readonly final?: true;
}

export interface Validation extends LocalStepResult {
  readonly passed: boolean;
  readonly checks: readonly Check[];
  readonly citations: readonly Citation[];
  /** What may be given out, cleaned; absent where that is the draft as it was. */
  readonly text?: string;
  /** Checks that are left to `checkRemotely`. Absent when there are none. */
  readonly pending?: readonly string[];
  /** What else is asked, in this order, as steps that are paid. Absent when nobody is. */
  readonly paid?: readonly ('moderate' | 'judgeAnswer')[];
}

export interface RecordInput extends StepInput {
  readonly workflowType: string;
  readonly startedAt: string;
  readonly traceparent?: string;
  readonly outcome: Outcome;
  readonly outcomeDetail: string;
  readonly verdict?: Verdict;
  readonly release?: PinnedRelease;
  readonly generation?: IndexGeneration;
  readonly buildId: string;
  readonly retrievedDocs: readonly string[];
  readonly coverage: number | null;
  readonly retrievalMs: number | null;
  readonly modelMs: number | null;
  readonly model: string | null;
  readonly usage: Usage;
  readonly unsettled?: Unsettled;
  readonly citations: number;
  readonly repairs: number;
  readonly toolCalls?: number;
  readonly approvals?: number;
  /** Effects that were to be undone, in the order of trying; absent when nothing was. */
  readonly compensations?: readonly Pick<Compensation, 'effectKey' | 'tool' | 'by' | 'status'>[];
  /** The most that was found, and hidden, in one prompt, by kind. Absent when nothing was found. */
  readonly found?: FoundCounts;
  /** Every verdict of the run but that of admission, each once. */
  readonly verdicts?: readonly VerdictSummary[];
  /** Of the latest search; absent where nothing was to be put in order. */
  readonly rerank?: RerankReport['outcome'];
  /** At which step each became true. Absent when none did. */
  readonly flags?: RunFlags;
  /** Passages that did not fit into a prompt, in all prompts together; absent when all did. */
  readonly droppedPassages?: number;
  /** Each model that was asked, in order; absent for a release with one model. */
  readonly attempts?: readonly ModelAttempt[];
}

export interface Recorded extends LocalStepResult {
  readonly traceId: string;
}

/** The engine's activities by registered name. Users cannot register or schedule these names. */
export interface EngineActivities {
  admit(input: AdmitInput): Promise<Admission>;
  retrieve(input: RetrieveInput): Promise<Retrieval>;
  /** Makes the vector of a question. Costs money. */
  embed(input: EmbedInput): Promise<Embedded>;
  /** Puts passages in order by a model. Costs money. */
  rerank(input: RerankInput): Promise<Reranked>;
  assemble(input: AssembleInput): Promise<Assembled>;
  generate(input: GenerateInput): Promise<Generation>;
  validate(input: ValidateInput): Promise<Validation>;
  /** What of a validation leaves our own systems. */
  checkRemotely(input: CheckRemotelyInput): Promise<RemotelyChecked>;
  /** Asks an endpoint whether question and answer may be said. */
  moderate(input: ModerateInput): Promise<PaidCheck>;
  /** Has a model rate an answer. */
  judgeAnswer(input: JudgeAnswerInput): Promise<PaidCheck>;
  record(input: RecordInput): Promise<Recorded>;
  /** Checks a call against its schema, freezes its arguments in the ledger and asks the policy. */
  judgeCall(input: JudgeCallInput): Promise<CallJudgement>;
  /** Writes the approval request of a frozen call. */
  requestApproval(input: RequestApprovalInput): Promise<RequestedApproval>;
  /** The funnel: the only place where a tool's effect happens. */
  callTool(input: CallToolInput): Promise<CallResult>;
  /** Writes what the run asks people beside calls. */
  requestAnswer(input: RequestAnswerInput): Promise<RequestedAnswer>;
  /** Holds an answer against everything again before the run goes on by it. */
  takeAnswer(input: TakeAnswerInput): Promise<TakenAnswer>;
  /** Writes how an approval ended. */
  closeApproval(input: CloseApprovalInput): Promise<LocalStepResult>;
  /** Reads which effects of the run can be undone. */
  planCompensations(input: StepInput): Promise<PlannedCompensations>;
  openGeneration(input: OpenGenerationInput): Promise<OpenedGeneration>;
  measureGeneration(input: IndexGenerationInput): Promise<IndexedGeneration>;
  indexGeneration(input: IndexGenerationInput): Promise<IndexedGeneration>;
  swapGeneration(input: IndexGenerationInput): Promise<IndexedGeneration>;
  /** Compares a collection with its folder, its store and this worker's settings. */
  checkIndex(input: CheckIndexInput): Promise<IndexCheck>;
  /** Takes a collection out of use. */
  dropCollection(input: DropCollectionInput): Promise<DroppedCollection>;
}
