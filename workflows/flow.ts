// Workflow as code. Safe in the workflow sandbox; imports no I/O.
// A flow composes the run's steps. What it cannot do is skip one: see interceptor.ts.
import { workflowInfo } from '@temporalio/workflow';
import { answerStep } from './answer-step.ts';
import { callAsked, callBuilt } from './calls.ts';
import { compensateStep } from './compensate-step.ts';
import { generateStep } from './generate-step.ts';
import { mint } from './grants.ts';
import type { CallStatus, Clarify, Compensation, Passage, Principal, Refused, Reply, RunId } from './protocol/index.ts';
import { WIRE_VERSION } from './protocol/index.ts';
import { confirmStep, inputStep } from './questions.ts';
import { retrieveStep } from './retrieve-step.ts';
import { reviewStep } from './review-step.ts';
import { admissionOf, currentRun, releaseOf } from './run-state.ts';

export type {
  CallStatus,
  Citation,
  Compensation,
  CompensationStatus,
  Passage,
  Principal,
  Reply,
} from './protocol/index.ts';

/** Passages that a `retrieve` step of this run found. Only the run makes them; a look-alike is refused. */
export interface Passages {
  readonly query: string;
  /** False when nothing was found or the question is covered too little: a model will not be paid for it. */
  readonly found: boolean;
  readonly items: readonly Passage[];
  /** Share of the question's IDF weight that the passages cover, 0–1. */
  readonly coverage: number;
}

/**
 * What the model wrote, unread: its text can be had only from a reply, after validation.
 * Made by `run.generate`.
 */
export interface Draft {
  readonly finishReason: string;
  /** What the model asks for before it goes on; empty when it is finished. */
  readonly toolCalls: readonly CallHandle[];
}

/** A call that a model asked for. Its arguments are text of a model, so they stay inside. */
export interface CallHandle {
  /** Unique in its draft. */
  readonly id: string;
  readonly tool: string;
}

/** What came of a call. The tool's result goes to the model, and to the ledger. */
export interface CallOutcome {
  readonly tool: string;
  readonly status: CallStatus;
  /** Why it was not let through, in the words of the engine or of the approver; empty otherwise. */
  readonly message: string;
}

export interface GenerateOptions {
  /** @default the query of `passages` */
  readonly question?: string;
  /** Required by a release with `retrieval`: without them it refuses rather than answers. */
  readonly passages?: Passages;
  /** Goes on after a draft that asked for tools; question and passages are those of the draft. */
  readonly after?: Draft;
}

export interface QuestionOptions {
  /** Milliseconds; nobody answering by then means no. @default 86400000, a day */
  readonly expiresAfterMs?: number;
}

export interface InputOptions extends QuestionOptions {
  /** JSON Schema (draft 2020-12) that the value must fit. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** Groups of the approver registry, one of whom answers. @default whoever the run acts for */
  readonly groups?: readonly string[];
}

export interface ReviewOptions extends QuestionOptions {
  /** Groups of the approver registry, one of whom reviews. */
  readonly groups: readonly string[];
  /** Why a person is asked. */
  readonly reason: string;
}

/** How people answered. `denied` and `nobody`: nobody could be asked, and `message` says why. */
export type AnswerStatus = 'approved' | 'allowed' | 'rejected' | 'expired' | 'cancelled' | 'denied' | 'nobody';

interface Said {
  readonly status: AnswerStatus;
  /** Ids of who signed. */
  readonly by: readonly string[];
  /** In the words of the engine, or of who answered; may be empty. */
  readonly message: string;
}

export interface Confirmation extends Said {
  readonly confirmed: boolean;
}

export interface Input extends Said {
  /** Fits the schema; absent unless `status` is `approved`. Somebody typed it: it carries no more trust than they do. */
  readonly value?: unknown;
}

/** The steps of one admitted run. Each is durable: done once, recorded, replayed. */
export interface Run {
  readonly id: RunId;
  readonly tenant: string;
  /** Verified at admission. */
  readonly principal: Principal;
  /** `name@version` and digest that this run is pinned to. */
  readonly release: { readonly name: string; readonly version: string; readonly digest: string };
  /** Searches the release's collection for what the principal may see. Prompt-only releases find nothing, at no cost. */
  retrieve(query: string): Promise<Passages>;
  /** Assembles the release's prompt and calls its model once. Refuses unpaid when the passages cannot answer. */
  generate(options: GenerateOptions): Promise<Draft>;
  /**
   * Makes a call that a draft asks for: judged by the policy, approved by people where it says so, done at most once, or exactly
   * once by a tool that takes the idempotency key. Asked for again, it gives the same outcome.
   */
  call(call: CallHandle): Promise<CallOutcome>;
  /** Makes a call of the flow's own. Its arguments count as untrusted. */
  tool(name: string, args: unknown): Promise<CallOutcome>;
  /** Asks whoever the run acts for: yes or no. Anything but a signed yes is a no. */
  confirm(text: string, options?: QuestionOptions): Promise<Confirmation>;
  /** Asks whoever the run acts for, or people of some groups, for a value. */
  input(text: string, options: InputOptions): Promise<Input>;
  /**
   * Lets a person decide on a draft in the place of validation: as it is, edited, answered by them, or dismissed. Whoever follows the
   * run's stream has read the draft before the reviewer does, unless the release says `stream: off`.
   */
  review(draft: Draft, options: ReviewOptions): Promise<Reply>;
  /**
   * Undoes what was done so far by tools that name a compensation, the newest first, and says what came of each. Every compensation
   * goes through the same funnel: judged by the policy, approved by people where it says so. None is made twice; one that went wrong
   * keeps no other from being made. A run that fails, is cancelled or runs out of its budget does this by itself.
   */
  compensate(): Promise<readonly Compensation[]>;
  /** Validates against what the model saw: one repair turn, then a refusal with the reason. */
  answer(draft: Draft): Promise<Reply>;
  /** Ends the run without an answer; `message` is shown to the user. */
  refuse(message: string): Reply;
  /** Asks back; `question` is shown to the user. */
  clarify(question: string): Reply;
}

/**
 * Makes a workflow of a function over the run's steps. Export the result from the file given to `createWorker`; the export's
 * name is the workflow type. The function must return a reply made by its run, and be deterministic.
 */
export function flow<Request>(
  body: (run: Run, request: Request) => Promise<Reply>,
): (request: Request) => Promise<Reply> {
  return async (request) => await body(openSteps(), request);
}

function openSteps(): Run {
  const state = currentRun();
  const release = releaseOf(state);
  const base = { v: WIRE_VERSION, runId: state.runId, releaseDigest: release.digest } as const;
  return {
    id: state.runId,
    tenant: state.tenant,
    principal: admissionOf(state).principal,
    release: { name: release.name, version: release.version, digest: release.digest },
    retrieve: (query) => retrieveStep(state, query),
    generate: (options) => generateStep(state, options),
    call: (call) => callAsked(state, call),
    tool: (name, args) => callBuilt(state, { tool: name, args }),
    confirm: (text, options = {}) => confirmStep(state, text, options),
    input: (text, options) => inputStep(state, text, options),
    review: (draft, options) => reviewStep(state, draft, options),
    compensate: () => compensateStep(state),
    answer: (draft) => answerStep(state, draft),
    refuse: (message) => mint<Refused>({ ...base, kind: 'refused', reason: 'by-flow', message: requireText(message) }),
    clarify: (question) => mint<Clarify>({ ...base, kind: 'clarify', question: requireText(question) }),
  };
}

function requireText(text: string): string {
  if (typeof text === 'string' && text.trim() !== '') return text;
  throw new TypeError(`${workflowInfo().workflowType}: a reply's text must not be empty`);
}
