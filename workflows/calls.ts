// Handles on what a model asked for: flow code sees the tool's name, the arguments stay inside. Workflow code only.
import { ApplicationFailure } from '@temporalio/workflow';
import { without } from './call-result.ts';
import type { Call } from './call-step.ts';
import { callStep } from './call-step.ts';
import type { CallHandle, CallOutcome } from './flow.ts';
import type { CallResult, CallTrust, ToolCall, Turn } from './protocol/index.ts';
import { Failure, MAX_TOOL_ARGUMENTS_BYTES } from './protocol/index.ts';
import type { RunState } from './run-state.ts';

interface Asked {
  readonly call: ToolCall;
  readonly trust: CallTrust;
  /** Set once: a call is made at most once, however often the flow asks. */
  result?: Promise<CallResult>;
  settled?: CallResult;
}

const asked = new WeakMap<CallHandle, Asked>();

export function callHandles(calls: readonly ToolCall[], trust: CallTrust): readonly CallHandle[] {
  return Object.freeze(
    calls.map((call) => {
      const handle: CallHandle = Object.freeze({ id: call.id, tool: call.tool });
      asked.set(handle, { call, trust });
      return handle;
    }),
  );
}

/** Makes a call that a model asked for. @throws ApplicationFailure InvalidInput for a handle that no draft has */
export async function callAsked(state: RunState, handle: CallHandle): Promise<CallOutcome> {
  const entry = asked.get(handle);
  if (entry === undefined) {
    throw ApplicationFailure.nonRetryable('This call was not asked for by a draft of this run', Failure.InvalidInput);
  }
  entry.result ??= callStep(state, entry.call, entry.trust);
  entry.settled = await entry.result;
  return outcomeOf(entry.settled);
}

/** Makes a call that the flow's own code built. Its values carry no label, so they count as untrusted. */
export async function callBuilt(state: RunState, call: Call): Promise<CallOutcome> {
  return outcomeOf(
    await callStep(state, call, { labels: [], sawUntrusted: state.sawUntrusted, sensitivity: state.sensitivity }),
  );
}

/** What a model wrote and what came of its calls. One that the flow did not make counts as denied. */
export function turnOf(text: string, handles: readonly CallHandle[]): Turn {
  const entries = handles.map((handle) => asked.get(handle)).filter((entry) => entry !== undefined);
  return {
    text,
    toolCalls: entries.map(({ call }) => shownAgain(call)),
    results: entries.map(({ call, settled }) => settled ?? notMade(call.tool)),
  };
}

/** Arguments that are too long to be taken need not be sent to the model again. */
function shownAgain(call: ToolCall): ToolCall {
  const chars = JSON.stringify(call.args ?? null).length;
  return chars <= MAX_TOOL_ARGUMENTS_BYTES ? call : { ...call, args: `[not shown: ${chars} characters of arguments]` };
}

const notMade = (tool: string): CallResult => without(tool, 'denied', 'The workflow did not make this call.');

/** Words of a tool stay inside, too: only what the engine or an approver said comes out. */
function outcomeOf({ tool, status, message }: CallResult): CallOutcome {
  const isTools = status === 'done' || status === 'failed' || status === 'unknown';
  return Object.freeze({ tool, status, message: isTools ? '' : message });
}
