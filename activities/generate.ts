// The verb `generate`: one model call. A regular activity: it costs money and leaves our systems.

import { Context, log } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ReleaseBody } from '../releases/release.ts';
import { keyedHash } from '../runtime/canonical.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type { EngineActivities, MaskDemand } from '../workflows/protocol/index.ts';
import { Failure, HashPrefix } from '../workflows/protocol/index.ts';
import type { ModelFor } from './adapters/models.ts';
import type { AnswerDependencies } from './answers.ts';
import { withCandidate } from './candidate.ts';
import { checkText } from './checked-text.ts';
import { dayLimits } from './day-limits.ts';
import { inspectPrompt, maskPrompt } from './detection/mask-prompt.ts';
import { restoreReply, sealWithheld } from './detection/restore-reply.ts';
import { judgeSent } from './judge-sent.ts';
import type { Latencies } from './latencies.ts';
import { requireStart } from './local-step.ts';
import type { ModelCalls } from './model-calls.ts';
import type { ModelRates } from './model-rates.ts';
import type { PaidReply } from './pay-once.ts';
import { payOnce, settled } from './pay-once.ts';
import type { Detector } from './ports/detector.ts';
import type { Model, ModelRequest } from './ports/model.ts';
import { withHeartbeats } from './progress.ts';
import type { GivenReply, ReplyCache } from './reply-cache.ts';
import { givenOrPaid } from './reply-cache.ts';
import { streamText } from './stream-text.ts';
import type { StreamWriter } from './stream-writer.ts';
import { NO_STREAMS } from './stream-writer.ts';
import { withToolResults } from './tool-results.ts';
import { watchCosts } from './unknown-costs.ts';

const NO_MASK: MaskDemand = { mask: [], restore: [] };

export interface GenerateDependencies extends AnswerDependencies {
  readonly runKeys: RunKeys;
  readonly modelCalls: ModelCalls;
  readonly modelRates: ModelRates;
  readonly replies: ReplyCache;
  readonly modelFor: ModelFor;
  readonly detector: Detector;
  /** @default not noted */
  readonly latencies?: Pick<Latencies, 'note'>;
  /** Where the text is told as it comes. @default nowhere */
  readonly streams?: StreamWriter;
}

export function createGenerate(dependencies: GenerateDependencies): EngineActivities['generate'] {
  const { db, runKeys, releases, policy, denials, modelCalls, modelRates, modelFor, detector, replies, latencies } =
    dependencies;
  const { streams = NO_STREAMS } = dependencies;
  const watchCost = watchCosts((message, of) => log.warn(message, of));
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
    const model = timed(modelFor(body), (ms) => latencies?.note(body.model, ms));
    return await withHeartbeats(async () => {
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
        checked: body.stream === 'validated' ? checkText(whole, body.rules, body.tools !== undefined) : undefined,
        // A schema says nothing of a part: what has to fit one is shown once it was validated as a whole.
        off: body.stream === 'off' || (body.stream === 'validated' && (body.output !== undefined || asksOthers(body))),
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

      const pay = async (): Promise<PaidReply> =>
        await payOnce(model, request, call, {
          candidate: input.candidate,
          modelCalls,
          modelRates,
          price: body.model,
          limits: await dayLimits(input, start, body.name, dependencies),
        });
      const replying = async (): Promise<GivenReply> => {
        if (model.free) return { reply: settled(await model.call(request), body.model), reused: false };
        const { access, releaseDigest } = input;
        const { reuseMinutes: minutes } = body;
        // Masks are keyed by run, so what is masked is never the same twice.
        if (minutes === undefined || masked !== undefined || access === undefined) return await pay();
        const { principal } = access;
        const asked = { tenant, releaseDigest, model: body.model.name, prompt: whole, principal };
        return await givenOrPaid(replies, { ...asked, minutes }, call, pay);
      };
      const { reply, reused, from, unsettled } = await replying().catch((error: unknown) => {
        text.fail();
        throw error;
      });
      watchCost(model.label, body.model, reply.usage.costUsd);
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
        ...(from !== undefined && { reusedFrom: from }),
        ...(unsettled !== undefined && { unsettled }),
        durationMs: Math.round(performance.now() - started),
        verdict,
        ...(inspection.kinds.length > 0 && { found: { detected: inspection.counts, masked: masked?.counts ?? {} } }),
        ...(sealed !== undefined && { withheld: { stepPath, sealed } }),
      };
    });
  };
}

/** Lists of words and those who are asked elsewhere say nothing of a part, either. */
const asksOthers = ({ rules: { checks, ownChecks } }: ReleaseBody): boolean =>
  [checks?.words, checks?.moderation, checks?.judge, ownChecks].some((each) => each !== undefined);

/** What a call that fails counts as: one that always does is not asked first for want of a time. */
const FAILED_MS = 10_000;
/** Failures that are the model's, while it may be well again later. */
const ITS_OWN: ReadonlySet<unknown> = new Set([
  Failure.ModelRateLimited,
  Failure.ModelUnavailable,
  Failure.ModelMalformedReply,
  Failure.ModelReplyUnfinished,
]);

/** @param begun told the milliseconds from each call to the first text of its answer, or to the answer where it has none */
function timed(model: Model, begun: (ms: number) => void): Model {
  return {
    ...model,
    async call(request) {
      const since = performance.now();
      let isBegun = false;
      const begin = (ms = performance.now() - since): void => {
        if (!isBegun) begun(ms);
        isBegun = true;
      };
      const calling = model.call({
        ...request,
        onText(delta) {
          begin();
          request.onText?.(delta);
        },
      });
      const reply = await calling.catch((error: unknown) => {
        if (error instanceof ApplicationFailure && ITS_OWN.has(error.type)) begun(FAILED_MS);
        throw error;
      });
      begin();
      return reply;
    },
  };
}
