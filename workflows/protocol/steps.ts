// The activities of the engine: their names, inputs and results. Types only, so both sides of the wire read one file.

import type { ApprovalId, ApprovalState, FollowedRequest, PendingApproval } from './approval.ts';
import type {
  CheckIndexInput,
  DropCollectionInput,
  DroppedCollection,
  IndexCheck,
  RerankReport,
} from './collections.ts';
import type { Compensation, UndoableEffect } from './compensation.ts';
import type { DenseIndex } from './dense.ts';
import type { KindCounts } from './detection.ts';
import type { Digest, KeyedHash, RunId, StepPath } from './ids.ts';
import type { WireVersion } from './limits.ts';
import type { IndexGeneration, Passage, TrustLabel } from './passage.ts';
import type { Principal, Sensitivity } from './principal.ts';
import type { FinishReason, Prompt, Usage } from './prompt.ts';
import type { PinnedRelease, ReleaseRef, RetrievalSettings } from './release.ts';
import type { Citation } from './reply.ts';
import type { ChunkTokens, SkippedFile } from './request.ts';
import type { RunFlags } from './rule-of-two.ts';
import type { SpentBudget, Subject } from './subject.ts';
import type { CallResult, CallTrust, ToolCall, Turn } from './tool.ts';
import type { Outcome } from './trace.ts';
import type { Action, Verdict, VerdictSummary } from './verdict.ts';

export interface StepInput {
  readonly v: WireVersion;
  readonly runId: RunId;
  readonly tenant: string;
  readonly stepPath: StepPath;
}

/** A local activity's input is not in history, so its result binds it. */
export interface LocalStepResult {
  readonly v: WireVersion;
  /** HMAC of the step's canonical input under the run's key, prefix `countersign/step-input/v1`. */
  readonly inputHash: KeyedHash;
  readonly durationMs: number;
}

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

export interface RetrieveInput extends StepInput {
  readonly principal: Principal;
  readonly query: string;
  readonly retrieval: RetrievalSettings;
  readonly generation: IndexGeneration;
  /** The query's embedding: base64 of little-endian 32-bit floats, of length 1. Present exactly when `retrieval.dense` is. */
  readonly queryVector?: string;
  /** Each chunk is a passage of its own: a reranker is to see them before neighbours are joined. */
  readonly unmerged?: true;
}

export interface EmbedInput extends StepInput {
  readonly releaseDigest: Digest;
  readonly query: string;
  /** That the vector is to be searched in. */
  readonly generation: IndexGeneration;
  readonly access: ModelAccess;
  readonly extended?: DayExtensions;
}

/** What every paid step beside `generate` says of itself. */
export interface PaidStep {
  readonly v: WireVersion;
  readonly usage: Usage;
  /** Provider and model. */
  readonly model: string;
  /** True when an earlier attempt paid for it. */
  readonly reused: boolean;
  readonly durationMs: number;
  readonly verdict: Verdict;
  /** The endpoint did not count its tokens: `usage` is what was reserved for the call. Absent otherwise. */
  readonly estimated?: true;
  /** Absent when nothing was found. */
  readonly found?: FoundCounts;
}

export interface Embedded extends PaidStep {
  /** As `RetrieveInput.queryVector`. */
  readonly vector: string;
}

export interface RerankInput extends StepInput {
  readonly releaseDigest: Digest;
  readonly query: string;
  /** In the order of the search. */
  readonly passages: readonly Passage[];
  /** Most that are kept. */
  readonly topK: number;
  /** 0–1: passages below are not kept. */
  readonly minScore: number;
  readonly access: ModelAccess;
  readonly extended?: DayExtensions;
}

export interface Reranked extends PaidStep {
  /** Best first, each with its score. Empty when none reaches `minScore`. */
  readonly passages: readonly Passage[];
  /** The best of all; `null` without passages. */
  readonly bestScore: number | null;
}

export interface Retrieval extends LocalStepResult {
  /** `denied`: the access policy does not let the principal search here; nothing was searched. */
  readonly verdict: 'found' | 'nothing-found' | 'below-min-score' | 'denied';
  /** By rank, best first. Empty unless found. */
  readonly passages: readonly Passage[];
  /** Share of the question's IDF weight that the passages cover together, 0–1. */
  readonly coverage: number;
  readonly reason: string;
  /** Passages left out because a better one says the same. Absent when none were. */
  readonly duplicates?: readonly DuplicatePassage[];
  /** What the access policy said. Absent in histories of before it was asked. */
  readonly access?: Verdict;
}

export interface DuplicatePassage {
  readonly id: string;
  /** The passage that says the same; it may be a part of a merged one. */
  readonly of: string;
}

export interface AssembleInput extends StepInput {
  readonly releaseDigest: Digest;
  readonly question: string;
  readonly passages: readonly Passage[];
  /** Turns of an agent so far, oldest first. */
  readonly turns?: readonly Turn[];
  /** On a repair turn: the draft that failed, and why. */
  readonly repair?: { readonly draft: string; readonly reasons: readonly string[] };
}

export interface Assembled extends LocalStepResult {
  readonly prompt: Prompt;
  readonly labels: readonly TrustLabel[];
  /** Passages that read like instructions to a model. A metric, never a boundary. */
  readonly injectionSignals: readonly string[];
  /** Ids of the passages that did not fit into the model's context, by rank: the last ones of the input. Absent when all did. */
  readonly dropped?: readonly string[];
}

export interface GenerateInput extends StepInput {
  readonly releaseDigest: Digest;
  readonly prompt: Prompt;
  /** What the access policy is told. Without it nothing is sent. */
  readonly access?: ModelAccess;
  /** That the run may go on beyond soft limits of a day. */
  readonly extended?: DayExtensions;
  /** Absent for a release with one model. */
  readonly candidate?: AskedCandidate;
}

export interface AskedCandidate {
  readonly model: string;
  /** Another stands ready: what a retry might mend is left to it. */
  readonly spare: boolean;
}

/** One model that was asked for a draft, of several. */
export interface ModelAttempt {
  readonly stepPath: StepPath;
  readonly model: string;
  /** `answered`, `content-filter`, `policy-denied`, or the type of the failure. */
  readonly outcome: string;
  /** US dollars; `null` where it is not known: for what failed, nothing was reported. */
  readonly costUsd: number | null;
}

export interface DayExtensions {
  readonly startedAt: string;
  readonly assertion?: string;
  /** Without a receipt the policy let it go on without asking, and is asked again. */
  readonly days: readonly { readonly spent: SpentBudget; readonly receipt?: AnswerReceipt }[];
}

export interface ModelAccess {
  readonly principal: Principal;
  /** Of the labels of what is in the prompt. */
  readonly origins: readonly TrustLabel['origin'][];
  /** The highest of what is in the prompt. */
  readonly sensitivity: Sensitivity;
  /** Text of documents or tools is in the prompt, or was in an earlier one of the run. */
  readonly sawUntrusted: boolean;
}

export interface Generation {
  readonly v: WireVersion;
  readonly text: string;
  readonly finishReason: FinishReason;
  /** Calls that the model asks for; absent when there are none. */
  readonly toolCalls?: readonly ToolCall[];
  readonly usage: Usage;
  /** Provider and model as resolved at publish, for example `local/extractive`. */
  readonly model: string;
  /** True when a reply paid for by an earlier attempt was found in the ledger. */
  readonly reused: boolean;
  /** The run that paid for the reply, where the release has replies given again. Usage is nothing then. */
  readonly reusedFrom?: RunId;
  readonly durationMs: number;
  /** What the access policy said. Absent in histories of before it was asked. */
  readonly verdict?: Verdict;
  /** What was found in the prompt, and what of it was hidden from the model; absent when nothing was found. */
  readonly found?: FoundCounts;
  /** Which step's tokens are left in `text`, and, sealed under the run's key, what they stand for; absent without any. */
  readonly withheld?: Withheld;
}

export interface FoundCounts {
  readonly detected: KindCounts;
  readonly masked: KindCounts;
}

export interface Withheld {
  readonly stepPath: StepPath;
  /** Base64. */
  readonly sealed: string;
}

export interface ValidateInput extends StepInput {
  readonly releaseDigest: Digest;
  readonly question: string;
  readonly text: string;
  readonly finishReason: FinishReason;
  readonly passages: readonly Passage[];
  /** Of the generation: quotes are held against passages in which the same values are hidden. */
  readonly withheld?: Withheld;
}

export interface Check {
  readonly name: string;
  readonly passed: boolean;
  /** 0–1, or `null` where there is nothing to score. */
  readonly score: number | null;
  readonly threshold: number | null;
  readonly reason: string;
}

export interface Validation extends LocalStepResult {
  readonly passed: boolean;
  readonly checks: readonly Check[];
  readonly citations: readonly Citation[];
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

export interface JudgeCallInput extends StepInput {
  readonly startedAt: string;
  readonly assertion?: string;
  /** Survives a reset of the workflow, so that an effect is not done again. */
  readonly firstExecutionRunId: string;
  readonly tool: string;
  readonly args: unknown;
  readonly trust: CallTrust;
  /** Of the run so far; what the ledger knows of it comes on top. @default none beside `trust` */
  readonly flags?: RunFlags;
  /** Of arguments that an approver changed: the approval where they did. What people were asked for there is asked for again. */
  readonly editedAt?: ApprovalId;
  /** An effect of this run that the call is to undo. Its arguments are made by the effect's tool, and `args` count only when edited. */
  readonly compensates?: Digest;
}

/** `allow`: go on. `approval`: ask people first. `deny` and `invalid`: nothing will happen, and `message` says why. */
export interface CallJudgement extends LocalStepResult {
  readonly outcome: 'allow' | 'approval' | 'deny' | 'invalid';
  readonly message: string;
  /** Absent for `invalid`. */
  readonly verdict?: Verdict;
  /** Of the frozen arguments in the ledger; absent for `deny` and `invalid`. */
  readonly effectKey?: Digest;
  readonly argsHash?: KeyedHash;
}

export interface RequestApprovalInput extends StepInput {
  /** A call that `judgeCall` froze. */
  readonly effectKey: Digest;
  /** RFC 3339, workflow time. */
  readonly requestedAt: string;
  readonly trust: CallTrust;
  /** The request in whose place this one comes. */
  readonly follows?: FollowedRequest;
}

export interface RequestedApproval extends LocalStepResult {
  readonly pending: PendingApproval;
}

export interface RequestAnswerInput extends StepInput {
  readonly subject: Subject;
  /** RFC 3339, workflow time. */
  readonly requestedAt: string;
  /** How long people may answer, where no policy says so; milliseconds. */
  readonly expiresAfterMs?: number;
  /** Of what the text was made of; empty for text of the flow's own. */
  readonly labels: readonly TrustLabel[];
  /** For a budget: on whose behalf more is asked for. */
  readonly startedAt: string;
  readonly assertion?: string;
}

/** `asked`: wait for `pending`. `allowed`: nobody needs to be asked. `denied`, `nobody`: the answer is no, and `message` says why. */
export interface RequestedAnswer extends LocalStepResult {
  readonly outcome: 'asked' | 'allowed' | 'denied' | 'nobody';
  readonly message: string;
  readonly pending?: PendingApproval;
  /** Of a budget. */
  readonly verdict?: Verdict;
}

/** An answer as it counted: what stands behind it is looked at again. */
export interface AnswerReceipt {
  readonly approvalId: ApprovalId;
  /** Compact JWS of each decision, in the order in which they counted. */
  readonly decisions: readonly string[];
}

export interface TakeAnswerInput extends StepInput, AnswerReceipt {
  readonly startedAt: string;
  readonly assertion?: string;
  /** The value that came with the last decision, as JSON text. */
  readonly value?: string;
}

export interface TakenAnswer extends LocalStepResult {
  /** Who signed. */
  readonly by: readonly string[];
  /** What is wrong with the value; absent when it fits what was asked for. */
  readonly problem?: string;
}

export interface CallToolInput extends StepInput {
  readonly startedAt: string;
  readonly assertion?: string;
  readonly effectKey: Digest;
  /** Trying has ended: settle as unknown, unless an attempt did settle. No effect happens. */
  readonly giveUp?: true;
  /** The receipt; absent for a call that was allowed outright. */
  readonly approval?: { readonly approvalId: ApprovalId; readonly decisions: readonly string[] };
  /** For tools that search: where the run may. */
  readonly retrieval?: RetrievalSettings;
  readonly generation?: IndexGeneration;
}

export interface CloseApprovalInput extends StepInput {
  readonly approvalId: ApprovalId;
  readonly state: Exclude<ApprovalState, 'pending'>;
  /** Compact JWS of each decision that counted. */
  readonly decisions: readonly string[];
  readonly decidedBy: readonly string[];
}

export interface PlannedCompensations extends LocalStepResult {
  /** Newest first. */
  readonly effects: readonly UndoableEffect[];
}

export interface OpenGenerationInput extends StepInput {
  readonly path: string;
  readonly collection: string;
  /** Absent: as the current generation was cut. */
  readonly chunks?: ChunkTokens | 'default';
  /** Absent: as the current generation was embedded. */
  readonly dense?: DenseIndex | 'none';
  /** Absent: as the current generation was read. */
  readonly language?: string;
}

/** What a scan of the folder found; the documents themselves stay in the ledger. */
export interface OpenedGeneration {
  readonly v: WireVersion;
  readonly generation: IndexGeneration;
  readonly changed: boolean;
  readonly documents: number;
  /** Of the current generation, if nothing changed; 0 before a new one is measured. */
  readonly chunks: number;
  readonly added: number;
  readonly updated: number;
  readonly removed: number;
  readonly skipped: readonly SkippedFile[];
  readonly skippedCount: number;
  /** Its chunks get vectors. Absent otherwise. */
  readonly embeds?: true;
}

export interface IndexGenerationInput extends StepInput {
  readonly path: string;
  readonly collection: string;
  readonly generation: IndexGeneration;
  /** Who ingests: asked about before texts go to an embedding model. Absent for a refresh by schedule. */
  readonly principal?: Principal;
}

export interface IndexedGeneration {
  readonly v: WireVersion;
  readonly documents: number;
  readonly chunks: number;
  /** Absent for a generation without vectors. */
  readonly embedded?: EmbeddedChunks;
}

/** What the vectors of a generation cost in the attempt that ended; what attempts before it paid is not in it. */
export interface EmbeddedChunks {
  /** Name, as models.yaml has it. */
  readonly model: string;
  /** Chunks whose text was sent. Of the others the vector was kept. */
  readonly sent: number;
  readonly reused: number;
  /** As the endpoint counted them, or an estimate where it did not; of the attempt that ended. */
  readonly tokens: number;
  /** US dollars; `null` when the price is not known. */
  readonly costUsd: number | null;
  /** The endpoint did not count the tokens of every request. Absent otherwise. */
  readonly estimated?: true;
  /** Which attempt that was. Absent for the first. */
  readonly attempt?: number;
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
