// Which of a release's models writes a draft: those whose condition holds, in order, until one answers. Each is a step of its own, so
// history has every attempt. Workflow code only.
import { ApplicationFailure, patched, TimeoutFailure } from '@temporalio/workflow';
import { activityCause } from './activity-cause.ts';
import type { AskedCandidate, Candidate, GenerateInput, Generation, Risk, StepInput } from './protocol/index.ts';
import { estimatePromptTokens, Failure, RISK_RANK, SENSITIVITY_RANK } from './protocol/index.ts';
import type { RunState } from './run-state.ts';
import { addUnsettled, addUsage, releaseOf, stepInput } from './run-state.ts';

export type ModelRequest = Omit<GenerateInput, keyof StepInput | 'extended' | 'candidate'>;

/** Of the models of a release, by name, as `assemble` found them. */
export type LatenciesMs = Readonly<Record<string, number>>;

/** A draft, or why the access policy lets nothing of the request go to the model. */
export type Asked = Generation | string;

/** One call: of the candidate, or of the release's only model. */
export type AskModel = (step: StepInput, request: ModelRequest, candidate?: AskedCandidate) => Promise<Asked>;

/** Failures after which another model may do better. */
const PASSING: ReadonlySet<string> = new Set([
  Failure.ModelRateLimited,
  Failure.ModelUnavailable,
  Failure.ModelCircuitOpen,
  Failure.ModelMalformedReply,
  Failure.ModelReplyUnfinished,
]);

export async function askCandidates(
  state: RunState,
  first: StepInput,
  request: ModelRequest,
  ask: AskModel,
  latenciesMs: LatenciesMs = {},
): Promise<Asked> {
  if (releaseOf(state).candidates === undefined) return await ask(first, request);
  const models = modelsFor(state, request, latenciesMs);
  let failed: { readonly error: unknown; readonly model: string } | undefined;
  let denied: string | undefined;
  for (const [i, model] of models.entries()) {
    const spare = i < models.length - 1;
    const step = i === 0 ? first : stepInput(state, 'generate');
    try {
      const asked = await noted(state, step, model, ask(step, request, { model, spare }));
      if (typeof asked === 'string') {
        denied = asked;
        continue;
      }
      if (asked.finishReason !== 'content-filter' || !spare) return asked;
      // It was paid, and another writes the draft.
      noteFiltered(state, asked);
      state.modelMs = (state.modelMs ?? 0) + asked.durationMs;
    } catch (error) {
      if (!spare || !isPassing(activityCause(error))) throw error;
      failed = { error, model };
    }
  }
  if (failed === undefined) return denied ?? 'None of the models may be sent this request.';
  // Those after it may not see the request, so none stood ready: it is asked as one alone would be.
  if (!patched('ask-failed-again')) throw failed.error;
  const step = stepInput(state, 'generate');
  return await noted(state, step, failed.model, ask(step, request, { model: failed.model, spare: false }));
}

/** What the filter, and attempts before it, did not say is what it may have cost, and not unknown: the run's budget goes on. */
function noteFiltered(state: RunState, { usage, unsettled }: Generation): void {
  if (unsettled === undefined || !patched('filtered-may-have-cost')) {
    state.usage = addUsage(state.usage, usage);
    return;
  }
  const reported = usage.costUsd ?? (unsettled.costUsd === null ? null : 0);
  state.usage = addUsage(state.usage, { ...usage, costUsd: reported });
  state.unsettled = addUnsettled(state.unsettled, unsettled);
}

/** The attempt, and what came of it in the run's list of attempts. */
async function noted(state: RunState, { stepPath }: StepInput, model: string, attempt: Promise<Asked>): Promise<Asked> {
  const note = (outcome: string, costUsd: number | null): void => {
    state.attempts.push({ stepPath, model, outcome, costUsd });
  };
  try {
    const asked = await attempt;
    if (typeof asked === 'string') note('policy-denied', 0);
    else note(asked.finishReason === 'content-filter' ? 'content-filter' : 'answered', asked.usage.costUsd);
    return asked;
  } catch (error) {
    note(typeOf(activityCause(error)), null);
    throw error;
  }
}

/** Never none: without a condition that holds, the release's own model is among them. */
function modelsFor(state: RunState, request: ModelRequest, latenciesMs: LatenciesMs): readonly string[] {
  const { candidates = [], prefer } = releaseOf(state);
  const tokens = estimatePromptTokens(request.prompt);
  const sensitivity = SENSITIVITY_RANK[request.access?.sensitivity ?? 'restricted'];
  const risk = RISK_RANK[riskOf(state)];
  const holds = ({ when: { maxInputTokens, maxSensitivity, maxRisk } = {} }: Candidate): boolean =>
    tokens <= (maxInputTokens ?? Number.POSITIVE_INFINITY) &&
    sensitivity <= SENSITIVITY_RANK[maxSensitivity ?? 'restricted'] &&
    risk <= RISK_RANK[maxRisk ?? 'critical'];
  const may = candidates.filter(holds);
  const fallbacks = may.filter(({ fallback }) => fallback === true);
  const first = may.filter(({ fallback }) => fallback !== true);
  const rank = (candidate: Candidate): number => {
    if (prefer === 'price') return costOf(candidate, tokens);
    // One that was not asked of late is asked, to know.
    return prefer === 'latency' ? (latenciesMs[candidate.model] ?? 0) : 0;
  };
  const ranked = first.map((candidate) => ({ candidate, rank: rank(candidate) }));
  // Stable: of two alike, in order.
  ranked.sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank));
  return [...ranked.map(({ candidate }) => candidate), ...fallbacks].map(({ model }) => model);
}

/** US dollars, at most. What is not known may be anything. */
const costOf = ({ price }: Candidate, tokens: number): number =>
  price === undefined ? Number.POSITIVE_INFINITY : (tokens * price.inputUsdPerMillion) / 1_000_000 + price.replyUsd;

/** The highest of the tools that the run has asked for; without tools, that of the release. */
function riskOf(state: RunState): Risk {
  const { tools, risk } = releaseOf(state);
  return tools === undefined ? risk : state.calledRisk;
}

const isPassing = (cause: unknown): boolean =>
  cause instanceof TimeoutFailure || (cause instanceof ApplicationFailure && PASSING.has(cause.type ?? ''));

const typeOf = (cause: unknown): string =>
  cause instanceof ApplicationFailure ? (cause.type ?? cause.name) : cause instanceof Error ? cause.name : 'unknown';
