// Runs a tool's code once, within its time, and tells what became of it. What cannot be told is not guessed.
import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { messageOf } from '../runtime/errors.ts';
import type { StartedRun } from '../runtime/keys/index.ts';
import type { CallToolInput, Passage, Principal, Sensitivity } from '../workflows/protocol/index.ts';
import { Failure, MAX_REASON_CHARS, MAX_TOOL_RESULT_BYTES, SENSITIVITY_RANK } from '../workflows/protocol/index.ts';
import type { Settlement } from './effects.ts';
import type { FrozenCall } from './frozen-calls.ts';
import type { Tool, ToolContext } from './ports/tool.ts';
import { callFactsOf } from './run-facts.ts';
import type { ToolSearch } from './search-in-tool.ts';
import { inSlices } from './slices.ts';
import type { ResultJson } from './tools/result-json.ts';
import { writeResult } from './tools/result-json.ts';
import { DoneWithoutResult, ToolFailure } from './tools/tool-failure.ts';

export interface ToolRun {
  readonly tool: Tool;
  readonly call: FrozenCall;
  readonly principal: Principal;
  readonly input: CallToolInput;
  /** Counted from 1. */
  readonly attempt: number;
  readonly context: Context;
  readonly start: StartedRun;
  readonly search: ToolSearch;
  readonly settings: Readonly<Record<string, string>>;
}

/** What the result may be shown to, as the tool's code said and its searches found. */
interface Marks {
  sensitivity: Sensitivity | undefined;
  readonly docIds: Set<string>;
}

/** @throws ApplicationFailure ToolUncertain (retryable), for a tool that may be tried again */
export async function runTool(run: ToolRun): Promise<Settlement> {
  const { tool, call } = run;
  const marks: Marks = { sensitivity: undefined, docIds: new Set() };
  const marked = (): Pick<Settlement, 'sensitivity' | 'docIds'> => ({
    sensitivity: marks.sensitivity ?? tool.definition.access?.reads ?? 'internal',
    docIds: [...marks.docIds],
  });
  const timer = new AbortController();
  const signal = AbortSignal.any([timer.signal, lostSignal(run.context)]);
  const timeout = setTimeout(() => timer.abort(new Error(`no end after ${tool.timeoutMs} ms`)), tool.timeoutMs);
  try {
    const result = await endsBefore(signal, tool.run(call.args, contextOf(run, signal, marks)));
    return { ...(await settlementOf(tool, result)), ...marked() };
  } catch (error) {
    if (error instanceof ToolFailure) {
      return { state: 'failed', message: error.message.slice(0, MAX_REASON_CHARS), bytes: 0, ...marked() };
    }
    if (error instanceof DoneWithoutResult) {
      return { state: 'done', message: error.message.slice(0, MAX_REASON_CHARS), bytes: 0, ...marked() };
    }
    // The name only: a message may repeat what was sent.
    const how = timer.signal.aborted
      ? messageOf(timer.signal.reason)
      : error instanceof Error
        ? error.name
        : 'an error';
    if (!tool.definition.idempotent) {
      const message = `It ended without saying whether it happened (${how}). A person has to find out.`;
      return { state: 'unknown', message, bytes: 0, ...marked() };
    }
    throw ApplicationFailure.retryable(`Tool ${call.tool} did not end well: ${how}`, Failure.ToolUncertain);
  } finally {
    clearTimeout(timeout);
  }
}

/** The effect has happened: whatever is wrong with the result, the state is `done`. */
async function settlementOf(
  tool: Tool,
  result: unknown,
): Promise<Pick<Settlement, 'state' | 'message' | 'json' | 'bytes' | 'receipt'>> {
  let written: ResultJson;
  try {
    written = await inSlices(writeResult(result, MAX_TOOL_RESULT_BYTES));
  } catch {
    return { state: 'done', message: 'It was done. What it gave back is not JSON and was not kept.', bytes: 0 };
  }
  const { json, bytes } = written;
  const receipt = receiptOf(tool, result);
  if (json === undefined) {
    const message = `It was done. What it gave back has ${bytes} bytes and was not kept: at most ${MAX_TOOL_RESULT_BYTES} are.`;
    return { state: 'done', message, bytes, ...receipt };
  }
  return { state: 'done', message: '', json, bytes, ...receipt };
}

function receiptOf(tool: Tool, result: unknown): { receipt?: string } {
  try {
    const receipt: unknown = tool.receipt?.(result);
    return typeof receipt === 'string' && receipt !== '' ? { receipt: receipt.slice(0, 200) } : {};
  } catch {
    return {};
  }
}

function contextOf(run: ToolRun, signal: AbortSignal, marks: Marks): ToolContext {
  const { call, principal, attempt, input, start, search, settings } = run;
  const mark = (sensitivity: Sensitivity): void => {
    const higher = SENSITIVITY_RANK[sensitivity] > SENSITIVITY_RANK[marks.sensitivity ?? 'public'];
    if (marks.sensitivity === undefined || higher) marks.sensitivity = sensitivity;
  };
  return {
    idempotencyKey: call.effectKey,
    signal,
    runId: call.runId,
    principal,
    attempt,
    setting(name) {
      const value = Object.hasOwn(settings, name) ? settings[name] : undefined;
      if (value !== undefined) return value;
      throw new ToolFailure(`The worker has no ${name} in its environment.`);
    },
    async search(query): Promise<readonly Passage[]> {
      const { retrieval, generation, runId, tenant } = input;
      if (retrieval === undefined || generation === undefined) {
        throw new ToolFailure('The release of this run has no collection to search, or nothing was ingested into it.');
      }
      const asked = { runId, tenant, principal, query, retrieval, generation, stepPath: input.stepPath, v: 1 } as const;
      const { verdict, passages, reason } = await search(asked, start, callFactsOf(call).sensitivity);
      if (verdict === 'denied') throw new ToolFailure(reason);
      for (const passage of passages) {
        marks.docIds.add(passage.docId);
        mark(passage.sensitivity);
      }
      return passages;
    },
    sensitivity: mark,
  };
}

/** Also for code that does not listen to its signal. */
async function endsBefore<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return await Promise.race([work, aborted]);
}

/** Aborted when this attempt counts no more. A cancelled run lets an effect that began come to its end. */
function lostSignal(context: Context): AbortSignal {
  const lost = new AbortController();
  const onCancel = (): void => {
    const details = context.cancellationDetails;
    const onlyAsked =
      details?.cancelRequested === true && !details.timedOut && !details.notFound && !details.workerShutdown;
    if (!onlyAsked) lost.abort(new Error('the attempt was given up'));
  };
  if (context.cancellationSignal.aborted) onCancel();
  else context.cancellationSignal.addEventListener('abort', onCancel, { once: true });
  return lost.signal;
}
