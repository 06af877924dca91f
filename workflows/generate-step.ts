// The steps `assemble` and `generate`. Workflow code only.
import { ActivityFailure, ApplicationFailure, patched, TimeoutFailure } from '@temporalio/workflow';
import { outOfTime, remainingMs, softLimitOf, spendTurn } from './budget.ts';
import { callHandles, turnOf } from './calls.ts';
import type { Asked, AskModel, ModelRequest } from './candidates.ts';
import { askCandidates } from './candidates.ts';
import { extendBudget, extendDay, extendedDays } from './extend-budget.ts';
import type { Draft, GenerateOptions } from './flow.ts';
import { grant } from './grants.ts';
import { localStep } from './local-step.ts';
import { noteDenial, notePaid, noteUnsettled, spentDayOf } from './paid-step.ts';
import type {
  AnswerRules,
  AskedCandidate,
  Assembled,
  CallTrust,
  Generation,
  ModelAccess,
  Passage,
  PinnedRelease,
  RefusalReason,
  StepInput,
  StepPath,
  TrustLabel,
  Turn,
} from './protocol/index.ts';
import { excerptOf, Failure, highestSensitivity, MAX_DRAFT_CHARS_SHOWN } from './protocol/index.ts';
import { modelWithin } from './proxies.ts';
import { readingsOf } from './readings.ts';
import type { Searched } from './retrieve-step.ts';
import { retrievalOf } from './retrieve-step.ts';
import { hasSensitive, raise } from './run-flags.ts';
import type { RunState } from './run-state.ts';
import { admissionOf, releaseOf, stepInput } from './run-state.ts';

export type DraftState = Written | Declined | AsksBack;

/** What a model was told, beside the release's prompt. */
export interface Conversation {
  readonly question: string;
  readonly passages: readonly Passage[];
  readonly turns: readonly Turn[];
}

export interface Written extends Conversation {
  readonly kind: 'written';
  readonly generation: Generation;
  /** Of everything that the model was shown. */
  readonly labels: readonly TrustLabel[];
}

/** Refused before a model was paid. */
interface Declined {
  readonly kind: 'declined';
  readonly reason: RefusalReason;
  readonly message: string;
}

/** Asked back before a model was paid. */
interface AsksBack {
  readonly kind: 'asks-back';
  readonly question: string;
}

const drafts = new WeakMap<Draft, DraftState>();

export async function generateStep(state: RunState, options: GenerateOptions): Promise<Draft> {
  if (options.after !== undefined) {
    const conversation = goOn(options.after);
    const tool = stillInvalid(conversation);
    if (tool !== undefined && patched('one-repair-of-calls')) return declinedCall(state, tool);
    return await written(state, conversation);
  }
  const release = releaseOf(state);
  const retrieval = options.passages === undefined ? undefined : retrievalOf(options.passages);
  const question = options.question ?? options.passages?.query;
  if (typeof question !== 'string' || question.trim() === '') {
    throw ApplicationFailure.nonRetryable('run.generate needs a question or passages', Failure.InvalidInput);
  }
  // Whatever the answer rules say: who may not search gets no answer made of nothing.
  if (retrieval?.verdict === 'denied') return refusedByPolicy(retrieval.reason);
  if (release.retrieval !== undefined && release.rules.refuseIfNotInContext && retrieval?.verdict !== 'found') {
    return declined(release, release.retrieval.collection, retrieval);
  }
  const passages = retrieval?.passages ?? [];
  if (release.rules.clarify === true) {
    const readings = readingsOf(question, passages);
    if (readings.length > 1) return asksBack(readings);
  }
  return await written(state, { question, passages, turns: [] });
}

const asksBack = (readings: readonly string[]): Draft =>
  handle(
    { finishReason: 'not-generated', toolCalls: [] },
    { kind: 'asks-back', question: `Several places answer this. Which do you mean: ${choice(readings)}?` },
  );

const choice = (names: readonly string[]): string => {
  const quoted = names.map((name) => `“${name}”`);
  return `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
};

/** Assembles and generates; on a repair turn the prompt says what was wrong with the draft before. */
export async function written(
  state: RunState,
  conversation: Conversation,
  repair?: { readonly draft: string; readonly reasons: readonly string[] },
): Promise<Draft> {
  const { question, passages, turns } = conversation;
  const releaseDigest = releaseOf(state).digest;
  if (softLimitOf(state) !== undefined) await extendBudget(state);
  spendTurn(state);
  const assembling = stepInput(state, 'assemble');
  const assembled = await localStep('assemble', {
    ...assembling,
    releaseDigest,
    question,
    passages,
    ...(turns.length > 0 && { turns }),
    ...(repair !== undefined && { repair }),
  });
  const { dropped = [] } = assembled;
  state.droppedPassages += dropped.length;
  // Citations are held against what the model saw.
  const shown = { ...conversation, passages: passages.slice(0, passages.length - dropped.length) };
  state.retrievedDocs = [...new Set([...state.retrievedDocs, ...docsOf(shown)])];
  const trust = trustOf(state, assembled, assembling.stepPath);
  const generating = stepInput(state, 'generate');
  const request = { releaseDigest, prompt: assembled.prompt, access: accessOf(state, assembled) };
  const ask: AskModel = (step, asked, candidate) => generate(state, step, asked, candidate);
  const generation = await askCandidates(state, generating, request, ask, assembled.latenciesMs);
  if (typeof generation === 'string') return refusedByPolicy(generation);
  notePaid(state, generating.stepPath, generation);
  state.modelMs = (state.modelMs ?? 0) + generation.durationMs;
  state.model = generation.model;
  const toolCalls = callHandles(generation.toolCalls ?? [], trust);
  return handle(
    { finishReason: generation.finishReason, toolCalls },
    {
      kind: 'written',
      ...shown,
      generation,
      labels: trust.labels,
    },
  );
}

/** @throws ApplicationFailure InvalidInput for a draft that no step made */
export function draftState(draft: Draft): DraftState {
  const state = drafts.get(draft);
  if (state !== undefined) return state;
  throw ApplicationFailure.nonRetryable('This draft was not made by run.generate of this run', Failure.InvalidInput);
}

/** The conversation with the calls of a draft, and what came of them, as its last turn. */
function goOn(draft: Draft): Conversation {
  const content = draftState(draft);
  if (content.kind !== 'written' || draft.toolCalls.length === 0) {
    throw ApplicationFailure.nonRetryable(
      'run.generate({ after }) needs a draft that asked for tools: this one is finished',
      Failure.InvalidInput,
    );
  }
  const { question, passages, turns, generation } = content;
  const text = excerptOf(generation.text, MAX_DRAFT_CHARS_SHOWN);
  return { question, passages, turns: [...turns, turnOf(text, draft.toolCalls)] };
}

/** A tool whose arguments did not fit its schema in the turn before last, nor in the last one, where the model had been told why. */
function stillInvalid({ turns }: Conversation): string | undefined {
  const [before, last] = [turns.at(-2), turns.at(-1)].map((turn) => {
    const results = turn?.results ?? [];
    return results.filter(({ status }) => status === 'invalid').map(({ tool }) => tool);
  });
  return last?.find((tool) => before?.includes(tool));
}

function declinedCall(state: RunState, asked: string): Draft {
  // Names that the model made up are not repeated.
  const tool = releaseOf(state).tools?.find(({ name }) => name === asked)?.name ?? 'a tool that there is not';
  const message = `The model asked twice for ${tool} in a way that cannot be called. Nothing was done by it.`;
  return handle(
    { finishReason: 'not-generated', toolCalls: [] },
    { kind: 'declined', reason: 'invalid-tool-call', message },
  );
}

/** The reply; or why the access policy lets nothing of it go to the model. */
async function generate(
  state: RunState,
  step: StepInput,
  request: ModelRequest,
  candidate: AskedCandidate | undefined,
): Promise<Asked> {
  const leftMs = remainingMs(state);
  try {
    const chosen = candidate === undefined ? {} : { candidate };
    return await modelWithin(leftMs).generate(grant({ ...step, ...request, ...extendedDays(state), ...chosen }));
  } catch (error) {
    noteUnsettled(state, error);
    const spent = spentDayOf(error);
    if (spent !== undefined) {
      await extendDay(state, spent);
      return await generate(state, stepInput(state, 'generate'), request, candidate);
    }
    const timedOut = error instanceof ActivityFailure && error.cause instanceof TimeoutFailure;
    if (timedOut && leftMs !== undefined && (remainingMs(state) ?? 0) <= 0) throw outOfTime(state);
    const denied = noteDenial(state, error);
    if (denied === undefined) throw error;
    return denied.denied;
  }
}

/** Everything in a model's context marks what it writes. */
function trustOf(state: RunState, { labels }: Assembled, stepPath: StepPath): CallTrust {
  const sawUntrusted = labels.some(({ origin }) => origin === 'retrieval' || origin.startsWith('tool:'));
  const reachedSensitive = hasSensitive(labels.map(({ sensitivity }) => sensitivity));
  raise(state, stepPath, { sawUntrusted, reachedSensitive });
  state.sawUntrusted ||= sawUntrusted;
  state.sensitivity = highestSensitivity([state.sensitivity, ...labels.map(({ sensitivity }) => sensitivity)]);
  return { labels, sawUntrusted: state.sawUntrusted, sensitivity: state.sensitivity };
}

function accessOf(state: RunState, { labels }: Assembled): ModelAccess {
  return {
    principal: admissionOf(state).principal,
    origins: [...new Set(labels.map(({ origin }) => origin))],
    sensitivity: highestSensitivity(labels.map(({ sensitivity }) => sensitivity)),
    sawUntrusted: state.sawUntrusted,
  };
}

function docsOf({ passages, turns }: Conversation): readonly string[] {
  const fromTools = turns.flatMap((turn) => turn.results.flatMap((result) => result.docIds));
  return [...passages.map((passage) => passage.docId), ...fromTools];
}

function declined({ rules }: PinnedRelease, collection: string, retrieval: Searched | undefined): Draft {
  const reason = retrieval?.verdict === 'nothing-found' ? 'nothing-found' : 'not-in-context';
  const message =
    reason === 'nothing-found'
      ? referring(rules, `Nothing in ${collection} is about this question.`)
      : referring(
          rules,
          `The documents in ${collection} do not support an answer to this question.`,
          `The documents in ${collection} do not cover this question well enough to answer it.`,
        );
  return handle({ finishReason: 'not-generated', toolCalls: [] }, { kind: 'declined', reason, message });
}

/** @param before what runs were told that began before they were referred to somebody: their histories must not change */
export const referring = ({ referTo }: AnswerRules, message: string, before: string = message): string =>
  referTo === undefined ? before : `${message} ${referTo}`;

const refusedByPolicy = (message: string): Draft =>
  handle({ finishReason: 'not-generated', toolCalls: [] }, { kind: 'declined', reason: 'policy-denied', message });

function handle(draft: Draft, state: DraftState): Draft {
  const frozen = Object.freeze(draft);
  drafts.set(frozen, state);
  return frozen;
}
