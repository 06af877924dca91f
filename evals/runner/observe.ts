// Runs one trial of a case as a run of its own, through the same flow as anybody's request, and says what was seen of it. Nothing is approved: a run
// that asks people is ended there, so that an evaluation has no effect that waits for a yes.
import { decodeArrayFromPayloads, loadDataConverter } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { CountersignClient, RunHandle, StartOptions } from '../../client/index.ts';
import type { EvalCase } from '../../releases/eval-case.ts';
import type { ReleaseBody } from '../../releases/release.ts';
import { messageOf } from '../../runtime/errors.ts';
import { plainConverter } from '../../runtime/payloads/data-converter.ts';
import type { CallResult, Generation, Reply } from '../../workflows/protocol/index.ts';
import type { Observed, ObservedCall } from '../scorers/observed.ts';

export interface Trial {
  readonly client: CountersignClient;
  readonly release: ReleaseBody;
  readonly start: StartOptions;
  readonly case: { readonly question: string; readonly expect: Pick<EvalCase['expect'], 'minGrounding'> };
  readonly signal?: AbortSignal | undefined;
}

export interface Seen {
  readonly runId: string;
  readonly observed: Observed;
}

const MAX_TRIAL_MS = 10 * 60_000;

/** @throws what a start throws; a run that was started is seen, whatever became of it */
export async function observe(trial: Trial): Promise<Seen> {
  const { client, release, start, signal } = trial;
  const { question } = trial.case;
  const began = performance.now();
  const hasTools = release.tools !== undefined;
  const run = hasTools ? await client.agent({ task: question }, start) : await client.answer({ question }, start);
  const mayAsk = hasTools || release.budgets !== undefined || release.rules.review !== undefined;
  const late = AbortSignal.timeout(MAX_TRIAL_MS);
  const ends = signal === undefined ? late : AbortSignal.any([signal, late]);
  const ended = await (mayAsk ? untilAsked(run, ends) : untilEnded(run, ends)).catch((error: unknown): Ended => {
    if (signal?.aborted) throw error;
    // It was started, and is seen: that it was ended from outside, or that nobody hears of its end, is no answer.
    return { reply: 'no-reply', approvals: 0 };
  });
  const elapsedMs = performance.now() - began;
  const trace = await run.trace();
  return {
    runId: run.id,
    observed: {
      ...saidOf(ended.reply),
      toolCalls: hasTools ? await callsOf(run).catch(() => []) : [],
      approvals: ended.approvals,
      costUsd: trace?.cost_usd ?? null,
      latencyMs: trace?.latency_ms ?? Math.round(elapsedMs),
      ...(trace !== undefined && release.retrieval !== undefined && { retrieved: trace.retrieved_docs }),
      ...(trial.case.expect.minGrounding !== undefined && { grounding: await groundingOf(run).catch(() => null) }),
    },
  };
}

interface Ended {
  /** `asked`: it waited for people, and was ended. */
  readonly reply: Reply | 'asked' | 'no-reply';
  readonly approvals: number;
}

/** A run without people. @throws the signal's reason, and for a run that was ended from outside */
async function untilEnded(run: RunHandle, signal: AbortSignal): Promise<Ended> {
  return { reply: await orAborted(run.result(), signal), approvals: 0 };
}

async function untilAsked(run: RunHandle, signal: AbortSignal): Promise<Ended> {
  for await (const event of run.stream({ signal })) {
    if (event.type === 'approval-requested') {
      await endIt(run, signal);
      return { reply: 'asked', approvals: 1 };
    }
    if (event.type === 'final') return { reply: event.data.reply as Reply, approvals: 0 };
  }
  signal.throwIfAborted();
  return { reply: 'no-reply', approvals: 0 };
}

/** What it was ended with is of no interest; that it has ended is. */
async function endIt(run: RunHandle, signal: AbortSignal): Promise<void> {
  await run.cancel();
  await orAborted(
    run.result().catch(() => undefined),
    signal,
  );
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
    // It may fail when nobody waits for it any more.
    work.catch(() => {});
  }
}

/** What whoever asked was told, as text; empty where that is no text. */
export function textOf(reply: Reply): string {
  if (reply.kind === 'answered') return reply.text;
  if (reply.kind === 'refused') return reply.message;
  return reply.kind === 'clarify' ? reply.question : '';
}

function saidOf(reply: Ended['reply']): Pick<Observed, 'kind' | 'text' | 'reason' | 'citations'> {
  const nothing = { text: '', citations: [] };
  if (reply === 'asked') return { kind: 'handed-over', ...nothing };
  if (reply === 'no-reply') return { kind: 'failed', reason: 'no reply', ...nothing };
  const { kind } = reply;
  const text = textOf(reply);
  switch (reply.kind) {
    case 'answered': {
      const citations = reply.citations.map(({ docId, quote }) => ({ docId, ...(quote !== undefined && { quote }) }));
      return { kind, text, citations };
    }
    case 'refused':
      // Nobody was asked: whoever asks may not, and that says nothing of the release.
      if (reply.reason === 'policy-denied') return { kind: 'failed', reason: reply.reason, ...nothing };
      return { kind, text, reason: reply.reason, citations: [] };
    case 'failed':
      return { kind, reason: reply.code, ...nothing };
    default:
      return { kind, text, citations: [] };
  }
}

/** Calls that the model asked for, in order, each with what came of it; `not-called` for what never got as far. */
async function callsOf(run: RunHandle): Promise<readonly ObservedCall[]> {
  const { events } = await run.history();
  const converter = loadDataConverter(plainConverter);
  const names = new Map<string, string>();
  const asked: { tool: string; args: unknown; status: string }[] = [];
  for (const event of events ?? []) {
    const name = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (name != null) names.set(String(event.eventId), name);
    const completed = event.activityTaskCompletedEventAttributes;
    if (completed == null) continue;
    const step = names.get(String(completed.scheduledEventId));
    if (step !== 'generate' && step !== 'callTool') continue;
    const [result] = await decodeArrayFromPayloads(converter, [...(completed.result?.payloads ?? [])]);
    if (step === 'generate') {
      const { toolCalls = [] } = result as Generation;
      asked.push(...toolCalls.map(({ tool, args }) => ({ tool, args, status: 'not-called' })));
    } else {
      const { tool, status } = result as CallResult;
      const call = asked.find((each) => each.tool === tool && each.status === 'not-called');
      if (call !== undefined) call.status = status;
    }
  }
  return asked;
}

/**
 * What the release's own check measured of the reply that was given out: 1 where it asserts nothing that is not quoted, `null` where the
 * check did not run.
 */
async function groundingOf(run: RunHandle): Promise<number | null> {
  const { steps } = await run.timeline();
  const checks = steps.findLast(({ step }) => step === 'validate')?.checks ?? [];
  const grounded = checks.find(({ name }) => name === 'grounded');
  return grounded === undefined ? null : (grounded.score ?? (grounded.passed ? 1 : null));
}

/** Why a trial could not be started, for people. */
export const whyNot = (error: unknown): string => messageOf(error).slice(0, 300);
