// The verb `generate`: one model call. A regular activity: it costs money and leaves our systems.

import { Context, log } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ReleaseBody } from '../releases/release.ts';
import { keyedHash } from '../runtime/canonical.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type { AskedCandidate, EngineActivities, MaskDemand } from '../workflows/protocol/index.ts';
import { Failure, HashPrefix, MAX_DRAFT_BYTES } from '../workflows/protocol/index.ts';
import type { ModelFor } from './adapters/models.ts';
import type { AnswerDependencies } from './answers.ts';
import { callInTurn } from './call-in-turn.ts';
import { sparing, withCandidate } from './candidate.ts';
import { checkText } from './checked-text.ts';
import { dayLimits } from './day-limits.ts';
import { inspectPrompt, maskPrompt } from './detection/mask-prompt.ts';
import { restoreReply, sealWithheld } from './detection/restore-reply.ts';
import { judgeSent } from './judge-sent.ts';
import { requireStart } from './local-step.ts';
import type { ModelCalls, PaidCall, SettledReply } from './model-calls.ts';
import { costOf, reserveOf } from './model-cost.ts';
import type { ModelRates } from './model-rates.ts';
import type { Detector } from './ports/detector.ts';
import type { Model, ModelReply, ModelRequest } from './ports/model.ts';
import type { DayLimits } from './spend.ts';
import { streamText } from './stream-text.ts';
import type { StreamWriter } from './stream-writer.ts';
import { NO_STREAMS } from './stream-writer.ts';
import { withToolResults } from './tool-results.ts';

/** Well inside the heartbeat timeout of `workflows/proxies.ts`. */
const HEARTBEAT_MS = 3_000;
const NO_MASK: MaskDemand = { mask: [], restore: [] };

export interface GenerateDependencies extends AnswerDependencies {
  readonly runKeys: RunKeys;
  readonly modelCalls: ModelCalls;
  readonly modelRates: ModelRates;
  readonly modelFor: ModelFor;
  readonly detector: Detector;
  /** Where the text is told as it comes. @default nowhere */
  readonly streams?: StreamWriter;
}

export function createGenerate(dependencies: GenerateDependencies): EngineActivities['generate'] {
  const { db, runKeys, releases, policy, denials, modelCalls, modelRates, modelFor, detector } = dependencies;
  const { streams = NO_STREAMS } = dependencies;
  const unpriced = new Set<string>();
  return async (input) => {
    const started = performance.now();
    const context = Context.current();
    const { tenant, runId, stepPath } = input;
    const [start, release, standing] = await Promise.all([
      requireStart(runKeys, runId),
      releases.require(tenant, input.releaseDigest),
      denials.recent(tenant),
    ]);
    const runKey = start.key;
    const body = withCandidate(release.body, input.candidate);
    const model = modelFor(body);
    const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
    try {
      const whole = await withToolResults(db.of(tenant), start, runId, input.prompt);
      const inspection = await inspectPrompt(detector, whole, context.cancellationSignal);
      const verdict = judgeSent(policy, input, { start, body, standing, inspection, model: body.model });
      const { mask, restore } = verdict.mask ?? NO_MASK;
      const masked = mask.length === 0 ? undefined : maskPrompt(runKey, whole, inspection, mask);
      // What is sent is part of the key: a call that was paid for with other masks is another call.
      const hidden = mask.length > 0 && { mask };
      const key = keyedHash(runKey, HashPrefix.ModelCall, {
        runId,
        stepPath,
        prompt: input.prompt,
        model: body.model,
        ...hidden,
      });
      const attempt = context.info.attempt;
      const stream = streams.open({ runId, stepPath, attempt, runKey });
      const text = streamText({
        stream,
        attempt,
        restore: masked && ((piece) => restoreReply({ text: piece }, masked.tokens, restore).text),
        checked: body.stream === 'validated' ? checkText(whole, body.rules) : undefined,
        off: body.stream === 'off',
      });
      const request: ModelRequest = {
        model: body.model.id,
        prompt: masked?.prompt ?? whole,
        tools: (body.tools ?? []).flatMap((tool) => (tool.compensatesOnly === true ? [] : tool.definition)),
        ...(body.output !== undefined && body.tools === undefined && { outputSchema: body.output.schema }),
        temperature: body.temperature,
        maxOutputTokens: body.maxOutputTokens,
        idempotencyKey: key,
        signal: context.cancellationSignal,
        onText: text.delta,
      };
      const call = { key, attempt, tenant, runId, stepPath, model: model.label, runKey };

      const replying = async () =>
        model.free
          ? { reply: settled(await model.call(request), body.model), reused: false }
          : await payOnce(model, request, call, {
              candidate: input.candidate,
              modelCalls,
              modelRates,
              price: body.model,
              limits: await dayLimits(input, start, body.name, dependencies),
            });
      const { reply, reused } = await replying().catch((error: unknown) => {
        text.fail();
        throw error;
      });
      if (reply.usage.costUsd === null && !unpriced.has(model.label)) {
        unpriced.add(model.label);
        log.warn('What calls of a model cost is not known: models.yaml has no prices for it', { model: model.label });
      }
      const { toolCalls, ...said } = masked === undefined ? reply : restoreReply(reply, masked.tokens, restore);
      text.end(said);
      const sealed = masked && sealWithheld(runKey, stepPath, said.text, masked.tokens);
      const asked = toolCalls !== undefined && toolCalls.length > 0 ? { toolCalls } : {};
      return {
        v: 1,
        ...said,
        ...asked,
        model: model.label,
        reused,
        durationMs: Math.round(performance.now() - started),
        verdict,
        ...(inspection.kinds.length > 0 && { found: { detected: inspection.counts, masked: masked?.counts ?? {} } }),
        ...(sealed !== undefined && { withheld: { stepPath, sealed } }),
      };
    } finally {
      clearInterval(heartbeat);
    }
  };
}

interface Paying {
  readonly candidate: AskedCandidate | undefined;
  readonly modelCalls: ModelCalls;
  readonly modelRates: ModelRates;
  readonly price: ReleaseBody['model'];
  readonly limits: DayLimits;
}

async function payOnce(
  model: Model,
  request: ModelRequest,
  paid: Omit<PaidCall, 'reserve'>,
  { candidate, modelCalls, modelRates, price, limits }: Paying,
): Promise<{ reply: SettledReply; reused: boolean }> {
  const promptBytes = Buffer.byteLength(JSON.stringify(request.prompt));
  const call: PaidCall = { ...paid, reserve: reserveOf(promptBytes, request.maxOutputTokens, price) };
  const { tenant, reserve } = call;
  const rated = { tenant, model: price, tokens: reserve.tokens, signal: request.signal };
  const turn = await sparing(candidate, () => modelRates.turn(rated));
  const earlier = await modelCalls.claim(call, limits);
  if (earlier !== undefined) {
    await turn.settle(0);
    return { reply: earlier, reused: true };
  }
  const called = await sparing(candidate, () =>
    callInTurn(
      turn,
      () => model.call(request),
      ({ usage }) => usage.inputTokens + usage.outputTokens,
    ),
  );
  const reply = settled(called, price);
  return { reply: await modelCalls.settle(call, reply), reused: false };
}

function settled(reply: ModelReply, price: ReleaseBody['model']): SettledReply {
  const { text, toolCalls } = reply;
  const bytes = Buffer.byteLength(text) + (toolCalls === undefined ? 0 : Buffer.byteLength(JSON.stringify(toolCalls)));
  if (bytes > MAX_DRAFT_BYTES) {
    throw ApplicationFailure.nonRetryable(
      `The model's reply has ${bytes} bytes; at most ${MAX_DRAFT_BYTES} are taken. Lower max_output_tokens of the release.`,
      Failure.ModelReplyTooLong,
    );
  }
  return { ...reply, usage: { ...reply.usage, costUsd: costOf(reply.usage, price) } };
}
