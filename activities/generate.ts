// The verb `generate`: one model call. A regular activity: it costs money and leaves our systems.

import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ReleaseBody } from '../releases/release.ts';
import { keyedHash } from '../runtime/canonical.ts';
import type { Database } from '../runtime/database.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type { EngineActivities, Usage } from '../workflows/protocol/index.ts';
import { Failure, HashPrefix, MAX_DRAFT_BYTES } from '../workflows/protocol/index.ts';
import type { ModelFor } from './adapters/models.ts';
import { requireStart } from './local-step.ts';
import type { ModelCalls, PaidCall, SettledReply } from './model-calls.ts';
import type { Model, ModelReply, ModelRequest } from './ports/model.ts';
import type { Releases } from './release-cache.ts';
import { withToolResults } from './tool-results.ts';

/** Well inside the heartbeat timeout of `workflows/proxies.ts`. */
const HEARTBEAT_MS = 3_000;

export interface GenerateDependencies {
  readonly runKeys: RunKeys;
  readonly releases: Releases;
  readonly modelCalls: ModelCalls;
  readonly db: Database;
  readonly modelFor: ModelFor;
}

export function createGenerate(dependencies: GenerateDependencies): EngineActivities['generate'] {
  const { db, runKeys, releases, modelCalls, modelFor } = dependencies;
  return async (input) => {
    const started = performance.now();
    const context = Context.current();
    const { tenant, runId, stepPath } = input;
    const [start, { body }] = await Promise.all([
      requireStart(runKeys, runId),
      releases.require(tenant, input.releaseDigest),
    ]);
    const runKey = start.key;
    const model = modelFor(body);
    const key = keyedHash(runKey, HashPrefix.ModelCall, { runId, stepPath, prompt: input.prompt, model: body.model });
    const request: ModelRequest = {
      model: body.model.id,
      prompt: await withToolResults(db.of(tenant), start, runId, input.prompt),
      tools: (body.tools ?? []).map(({ definition }) => definition),
      temperature: body.temperature,
      maxOutputTokens: body.maxOutputTokens,
      idempotencyKey: key,
      signal: context.cancellationSignal,
    };
    const attempt = context.info.attempt;
    const call: PaidCall = { key, attempt, tenant, runId, stepPath, model: model.label, runKey };

    const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
    try {
      const { reply, reused } = model.free
        ? { reply: settled(await model.call(request), body.model), reused: false }
        : await payOnce(model, request, call, modelCalls, body.model);
      const { toolCalls, ...said } = reply;
      const asked = toolCalls !== undefined && toolCalls.length > 0 ? { toolCalls } : {};
      return {
        v: 1,
        ...said,
        ...asked,
        model: model.label,
        reused,
        durationMs: Math.round(performance.now() - started),
      };
    } finally {
      clearInterval(heartbeat);
    }
  };
}

async function payOnce(
  model: Model,
  request: ModelRequest,
  call: PaidCall,
  modelCalls: ModelCalls,
  price: ReleaseBody['model'],
): Promise<{ reply: SettledReply; reused: boolean }> {
  const earlier = await modelCalls.claim(call);
  if (earlier !== undefined) return { reply: earlier, reused: true };
  const reply = settled(await model.call(request), price);
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

function costOf(usage: Omit<Usage, 'costUsd'>, price: ReleaseBody['model']): number | null {
  if (price.provider === 'local') return 0;
  if (price.inputUsdPerMillion === undefined || price.outputUsdPerMillion === undefined) return null;
  return (usage.inputTokens * price.inputUsdPerMillion + usage.outputTokens * price.outputUsdPerMillion) / 1_000_000;
}
