// What one would write first: each verb a regular activity with the SDK's defaults, results passed on by hand. Measured against
// the engine, never used by it. No guard, no local activities, and nothing here stops a flow from skipping a step.
import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type {
  Admission,
  AgentRequest,
  AnswerRequest,
  ModelAccess,
  Reply,
  StartInput,
  StepInput,
  TrustLabel,
  Turn,
  Usage,
} from '../../workflows/protocol/index.ts';
import type { NaiveActivities } from './activities.ts';

const { admit, retrieve, assemble, generate, judgeCall, callTool, validate, record, doNothing } =
  proxyActivities<NaiveActivities>({
    startToCloseTimeout: '1 minute',
  });

export async function naiveAnswer(start: StartInput<AnswerRequest>): Promise<Reply> {
  const { question } = start.request;
  const step = stepsOf(start);
  const admission = await admitted(start, step);
  const { release, generation, principal } = admission;
  if (release?.retrieval === undefined || generation === undefined)
    throw new Error('a release with documents is needed');
  const { digest: releaseDigest, retrieval } = release;
  const found = await retrieve({ ...step('retrieve'), principal, query: question, retrieval, generation });
  const { passages } = found;
  const { prompt, labels } = await assemble({ ...step('assemble'), releaseDigest, question, passages });
  const { text, finishReason, model, usage, durationMs } = await generate({
    ...step('generate'),
    releaseDigest,
    prompt,
    access: accessOf(admission, labels),
  });
  const validation = await validate({ ...step('validate'), releaseDigest, question, text, finishReason, passages });
  if (!validation.passed) throw new Error('the answer did not pass validation');
  await record({
    ...recordOf(start, admission, step),
    retrievedDocs: [...new Set(passages.map((passage) => passage.docId))],
    coverage: found.coverage,
    retrievalMs: found.durationMs,
    modelMs: durationMs,
    model,
    usage,
    citations: validation.citations.length,
  });
  return { v: 1, runId: start.runId, releaseDigest, kind: 'answered', text, citations: validation.citations, model };
}

export async function naiveAgent(start: StartInput<AgentRequest>): Promise<Reply> {
  const { task: question } = start.request;
  const step = stepsOf(start);
  const admission = await admitted(start, step);
  const releaseDigest = admission.release?.digest;
  if (releaseDigest === undefined) throw new Error('a release is needed');
  const { startTime, firstExecutionRunId } = workflowInfo();
  const { assertion } = start;
  const origin = { startedAt: startTime.toISOString(), ...(assertion !== undefined && { assertion }) };
  const turns: Turn[] = [];
  let usage: Usage = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, costUsd: 0 };
  for (;;) {
    const { prompt, labels } = await assemble({ ...step('assemble'), releaseDigest, question, passages: [], turns });
    const generation = await generate({
      ...step('generate'),
      releaseDigest,
      prompt,
      access: accessOf(admission, labels),
    });
    const { text, finishReason, model, toolCalls = [], durationMs } = generation;
    usage = generation.usage;
    if (toolCalls.length === 0) {
      const validation = await validate({
        ...step('validate'),
        releaseDigest,
        question,
        text,
        finishReason,
        passages: [],
      });
      if (!validation.passed) throw new Error('the answer did not pass validation');
      const figures = { retrievedDocs: [], coverage: null, retrievalMs: null, modelMs: durationMs, citations: 0 };
      await record({ ...recordOf(start, admission, step), ...figures, model, usage });
      return { v: 1, runId: start.runId, releaseDigest, kind: 'answered', text, citations: [], model };
    }
    const results = [];
    for (const { tool, args } of toolCalls) {
      const trust = { labels, sawUntrusted: false };
      const call = { ...step('judgeCall'), ...origin, firstExecutionRunId, tool, args, trust };
      const { effectKey } = await judgeCall(call);
      if (effectKey === undefined) throw new Error('the call was not let through');
      results.push(await callTool({ ...step('callTool'), ...origin, effectKey }));
    }
    turns.push({ text, toolCalls, results });
  }
}

/** Six activities that do nothing: what the naive shape costs before anything is done in it. */
export async function sixNothings(): Promise<void> {
  for (let done = 0; done < 6; done++) await doNothing();
}

/** The floor: a start and its result. */
export async function nothing(): Promise<void> {}

type Steps = (name: string) => StepInput;

function stepsOf({ runId, tenant }: StartInput): Steps {
  const counts = new Map<string, number>();
  return (name) => {
    const ordinal = (counts.get(name) ?? 0) + 1;
    counts.set(name, ordinal);
    return { v: 1, runId, tenant, stepPath: `${workflowInfo().workflowType}/${name}#${ordinal}` };
  };
}

async function admitted(start: StartInput, step: Steps): Promise<Admission> {
  const { request, assertion, release } = start;
  const { workflowType, startTime } = workflowInfo();
  return await admit({
    ...step('admit'),
    workflowType,
    action: 'ask',
    startedAt: startTime.toISOString(),
    request,
    ...(assertion !== undefined && { assertion }),
    ...(release !== undefined && { release }),
  });
}

function accessOf({ principal }: Admission, labels: readonly TrustLabel[]): ModelAccess {
  const origins = labels.map(({ origin }) => origin);
  return { principal, origins, sensitivity: 'internal', sawUntrusted: origins.includes('retrieval') };
}

function recordOf(start: StartInput, admission: Admission, step: Steps) {
  const { release, generation, verdict, buildId } = admission;
  const { workflowType, startTime } = workflowInfo();
  return {
    ...step('record'),
    workflowType,
    startedAt: startTime.toISOString(),
    ...(start.traceparent !== undefined && { traceparent: start.traceparent }),
    outcome: 'answered' as const,
    outcomeDetail: '',
    verdict,
    ...(release !== undefined && { release }),
    ...(generation !== undefined && { generation }),
    buildId,
    repairs: 0,
  };
}
