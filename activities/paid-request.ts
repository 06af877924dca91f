// What `embed`, `rerank`, `moderate` and `judgeAnswer` do around their request, as `generate` does around its own: the policy is asked, what must be hidden is hidden,
// the call is claimed in the ledger of paid calls and its answer kept there, so that a later attempt does not pay again.
import { Context } from '@temporalio/activity';
import type { Denial } from '../policies/denials.ts';
import type { ReleaseBody } from '../releases/release.ts';
import { keyedHash } from '../runtime/canonical.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type {
  DayExtensions,
  Digest,
  ModelAccess,
  PaidStep,
  Prompt,
  StepInput,
  Usage,
} from '../workflows/protocol/index.ts';
import { HashPrefix } from '../workflows/protocol/index.ts';
import type { AnswerDependencies } from './answers.ts';
import { dayLimits } from './day-limits.ts';
import { inspectPrompt, maskPrompt } from './detection/mask-prompt.ts';
import { judgeSent } from './judge-sent.ts';
import { requireStart } from './local-step.ts';
import type { ModelCalls, SettledReply } from './model-calls.ts';
import { inputCostOf, reserveOf } from './model-cost.ts';
import type { ModelRates } from './model-rates.ts';
import { patient, payInTurn } from './pay-once.ts';
import type { Detector } from './ports/detector.ts';
import { withHeartbeats } from './progress.ts';

export interface PaidDependencies extends AnswerDependencies {
  readonly runKeys: RunKeys;
  readonly modelCalls: ModelCalls;
  readonly modelRates: ModelRates;
  readonly detector: Detector;
}

export interface PayingStep extends StepInput {
  readonly releaseDigest: Digest;
  readonly access: ModelAccess;
  readonly extended?: DayExtensions;
}

/** What is sent, to which model. */
export interface PaidRequest {
  readonly pinned: ReleaseBody['model'];
  readonly label: string;
  readonly prompt: Prompt;
  /** At the provider's rate limit. */
  readonly longestWaitMs: number;
  /** Most tokens that it may write. @default none: its price is that of its input */
  readonly maxOutputTokens?: number;
  /**
   * @param sent what must be hidden is hidden in it
   * @param idempotencyKey the call's in the ledger: an endpoint that knows it does not do the work, or take the money, twice
   */
  send(sent: Sent, signal: AbortSignal, idempotencyKey: string): Promise<PaidAnswer | SettledReply>;
}

export interface Sent {
  readonly prompt: Prompt;
  /** Of its parts, in their order. */
  readonly texts: readonly string[];
}

export interface PaidAnswer {
  /** As the ledger keeps it. */
  readonly text: string;
  /** `null` when the endpoint did not say. */
  readonly tokens: number | null;
}

/**
 * @param make what is asked for, by the release in the ledger, while these denials stand; nothing has been sent or claimed
 * @throws ApplicationFailure ModelDenied, BudgetAsks, BudgetExhausted (non-retryable), and what `make` and the endpoint throw
 */
export async function payFor(
  dependencies: PaidDependencies,
  input: PayingStep,
  make: (body: ReleaseBody, standing: readonly Denial[]) => Promise<PaidRequest>,
): Promise<PaidStep & Pick<PaidAnswer, 'text'>> {
  const { runKeys, releases, policy, denials, modelCalls, modelRates, detector } = dependencies;
  const started = performance.now();
  const context = Context.current();
  const { tenant, runId, stepPath } = input;
  const [start, { body }, standing] = await Promise.all([
    requireStart(runKeys, runId),
    releases.require(tenant, input.releaseDigest),
    denials.recent(tenant),
  ]);
  return await withHeartbeats(async () => {
    const { pinned, label, prompt, longestWaitMs, maxOutputTokens, send } = await make(body, standing);
    const inspection = await inspectPrompt(detector, prompt, context.cancellationSignal);
    const verdict = judgeSent(policy, input, { start, body, standing, inspection, model: pinned });
    const mask = verdict.mask?.mask ?? [];
    const masked = mask.length === 0 ? undefined : maskPrompt(start.key, prompt, inspection, mask);
    const hidden = mask.length > 0 && { mask };
    const key = keyedHash(start.key, HashPrefix.ModelCall, { runId, stepPath, prompt, model: pinned, ...hidden });
    const sent = masked?.prompt ?? prompt;
    const texts = sent.messages.flatMap(({ parts }) => parts.map(({ text }) => text));
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    const price = maxOutputTokens === undefined ? { ...pinned, outputUsdPerMillion: 0 } : pinned;
    const { attempt } = context.info;
    const reserve = reserveOf(bytes, maxOutputTokens ?? 0, price);
    const call = { key, attempt, tenant, runId, stepPath, model: label, runKey: start.key, reserve };
    const signal = context.cancellationSignal;
    const limits = await dayLimits(input, start, body.name, dependencies);
    const turn = () => modelRates.turn({ tenant, model: pinned, tokens: reserve.tokens, signal, longestWaitMs });
    const paying = payInTurn(call, { modelCalls, limits, turn }, async () => {
      const answer = await send({ prompt: sent, texts }, signal, key);
      if ('usage' in answer) {
        const { inputTokens, outputTokens } = answer.usage;
        return { reply: answer, tokens: inputTokens + outputTokens || null };
      }
      const { text, tokens } = answer;
      const said = { text, finishReason: 'stop' } as const;
      if (tokens !== null) return { reply: { ...said, usage: usageOf(tokens, inputCostOf(tokens, pinned)) }, tokens };
      // What was not counted was not free: as much as it may have been.
      return { reply: { ...said, usage: usageOf(reserve.tokens, reserve.usd), estimated: true }, tokens };
    });
    const { reply, reused, unsettled } = await paying.catch((error: unknown) => {
      // Who writes has minutes for it; for the others somebody waits: workflows/proxies.ts.
      throw maxOutputTokens === undefined ? error : patient(error, attempt);
    });
    return {
      v: 1,
      text: reply.text,
      usage: reply.usage,
      model: label,
      reused,
      ...(unsettled !== undefined && { unsettled }),
      durationMs: Math.round(performance.now() - started),
      verdict,
      ...(reply.estimated === true && { estimated: true }),
      ...(inspection.kinds.length > 0 && { found: { detected: inspection.counts, masked: masked?.counts ?? {} } }),
    };
  });
}

const usageOf = (inputTokens: number, costUsd: number | null): Usage => ({
  inputTokens,
  outputTokens: 0,
  cachedTokens: 0,
  costUsd,
});
