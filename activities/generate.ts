// The verb `generate`: one model call. A regular activity: it costs money and leaves our systems.

import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { Denial } from '../policies/denials.ts';
import { denialRules } from '../policies/denials.ts';
import { judgeModel } from '../policies/judge-model.ts';
import type { AccessPolicy } from '../policies/load.ts';
import type { ReleaseBody } from '../releases/release.ts';
import { keyedHash } from '../runtime/canonical.ts';
import type { RunKeys, StartedRun } from '../runtime/keys/index.ts';
import type {
  EngineActivities,
  FoundCounts,
  GenerateInput,
  MaskDemand,
  Usage,
  Verdict,
} from '../workflows/protocol/index.ts';
import { Failure, HashPrefix, MAX_DRAFT_BYTES } from '../workflows/protocol/index.ts';
import type { ModelFor } from './adapters/models.ts';
import type { AnswerDependencies } from './answers.ts';
import { loggingRefusals, requireAllowed, requireAnswer } from './answers.ts';
import { checkText } from './checked-text.ts';
import type { Inspection } from './detection/mask-prompt.ts';
import { inspectPrompt, maskPrompt } from './detection/mask-prompt.ts';
import { restoreReply, sealWithheld } from './detection/restore-reply.ts';
import { ledgerTime } from './ledger-time.ts';
import { requireStart } from './local-step.ts';
import type { ModelCalls, PaidCall, SettledReply } from './model-calls.ts';
import type { Detector } from './ports/detector.ts';
import type { Model, ModelReply, ModelRequest } from './ports/model.ts';
import { nameOf, rulesText, runFactsOf } from './run-facts.ts';
import type { DayLimits } from './spend.ts';
import { dayOf, extensionOf, reserveOf } from './spend.ts';
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
  readonly modelFor: ModelFor;
  readonly detector: Detector;
  /** Where the text is told as it comes. @default nowhere */
  readonly streams?: StreamWriter;
}

export function createGenerate(dependencies: GenerateDependencies): EngineActivities['generate'] {
  const { db, runKeys, releases, policy, denials, modelCalls, modelFor, detector, streams = NO_STREAMS } = dependencies;
  return async (input) => {
    const started = performance.now();
    const context = Context.current();
    const { tenant, runId, stepPath } = input;
    const [start, { body }, standing] = await Promise.all([
      requireStart(runKeys, runId),
      releases.require(tenant, input.releaseDigest),
      denials.recent(tenant),
    ]);
    const runKey = start.key;
    const model = modelFor(body);
    const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
    try {
      const whole = await withToolResults(db.of(tenant), start, runId, input.prompt);
      const inspection = await inspectPrompt(detector, whole, context.cancellationSignal);
      const verdict = judgeRequest(policy, input, { start, body, standing, inspection });
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
              modelCalls,
              price: body.model,
              limits: await dayLimits(input, start, dependencies),
            });
      const { reply, reused } = await replying().catch((error: unknown) => {
        text.fail();
        throw error;
      });
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

interface Known {
  readonly start: StartedRun;
  readonly body: ReleaseBody;
  readonly standing: readonly Denial[];
  readonly inspection: Inspection;
}

/** @throws ApplicationFailure ModelDenied, NotAsLedgered, non-retryable */
function judgeRequest(
  policy: AccessPolicy,
  input: GenerateInput,
  { start, body, standing, inspection }: Known,
): Verdict {
  const { access } = input;
  if (access === undefined) {
    throw ApplicationFailure.nonRetryable(
      `${input.stepPath} of run ${input.runId} does not say what is in its prompt: it was begun by an earlier version. Ask again.`,
      Failure.ModelDenied,
    );
  }
  const { principal, origins, sensitivity, sawUntrusted } = access;
  const { kinds: detected, counts } = inspection;
  if (principal.id !== start.requester) {
    throw ApplicationFailure.nonRetryable(
      `Run ${input.runId} was started by another principal than this step says`,
      Failure.NotAsLedgered,
    );
  }
  const denied = denialRules(standing, { release: nameOf(body), principals: [principal.id] });
  const asked = {
    ...runFactsOf(input, body),
    principal,
    model: body.model,
    sensitivity,
    origins,
    sawUntrusted,
    detected,
  };
  const verdict = judgeModel(policy, asked, denied);
  if (verdict.decision !== 'deny') return verdict;
  throw ApplicationFailure.create({
    message: `The access policy does not let this request go to ${body.model.name} (${rulesText(verdict.rules)}).`,
    type: Failure.ModelDenied,
    nonRetryable: true,
    details: [verdict, { detected: counts, masked: {} } satisfies FoundCounts],
  });
}

/** What stands behind going on beyond soft limits is looked at here: the workflow's word is not enough. */
async function dayLimits(
  { extended: given, runId, tenant }: GenerateInput,
  start: StartedRun,
  dependencies: GenerateDependencies,
): Promise<DayLimits> {
  const budgets = dependencies.policy.dayBudgets;
  const extended = new Set<string>();
  if (given !== undefined && budgets.length > 0) {
    const step = { runId, tenant, ...given };
    const now = dependencies.now?.() ?? (await ledgerTime(dependencies.db.of(tenant)));
    // What people said on another day is about that day, and may no longer be used.
    const today = given.days.filter(({ spent }) => spent.day === dayOf(now));
    for (const { spent, receipt } of today) {
      const subject = { kind: 'budget', ...spent } as const;
      const held = await loggingRefusals(step, receipt?.approvalId ?? null, dependencies.securityLog, async () =>
        receipt === undefined
          ? await requireAllowed(step, subject, start, dependencies)
          : (await requireAnswer(step, receipt, start, dependencies)).request.subject,
      );
      // The policy judges by the limit that is named: letting a run have more turns says nothing of a day.
      if (held.kind === 'budget' && held.limit === 'principal-day') extended.add(extensionOf(held));
    }
  }
  return { principal: start.requester, budgets, extended };
}

interface Paying {
  readonly modelCalls: ModelCalls;
  readonly price: ReleaseBody['model'];
  readonly limits: DayLimits;
}

async function payOnce(
  model: Model,
  request: ModelRequest,
  paid: Omit<PaidCall, 'reserve'>,
  { modelCalls, price, limits }: Paying,
): Promise<{ reply: SettledReply; reused: boolean }> {
  const promptBytes = Buffer.byteLength(JSON.stringify(request.prompt));
  const call: PaidCall = { ...paid, reserve: reserveOf(promptBytes, request.maxOutputTokens, price) };
  const earlier = await modelCalls.claim(call, limits);
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
