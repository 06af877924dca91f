// The calls in a model's reply. Only their form is checked here: names and arguments are the funnel's to judge.
import type { ToolCall } from '../../workflows/protocol/index.ts';
import { MAX_TOOL_ARGUMENTS_BYTES } from '../../workflows/protocol/index.ts';

const MAX_CALLS = 32;
const MAX_NAME_CHARS = 64;
const MAX_ID_CHARS = 200;
/** Far more than a tool takes. Longer ones are not kept: every turn after this one would carry them. */
const MAX_ARGUMENTS_CHARS = 8 * MAX_TOOL_ARGUMENTS_BYTES;

/** As the AI SDK gives it: arguments that were no JSON are text, which no tool takes. */
export interface StreamedCall {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: unknown;
}

/** Calls with an id each: what a provider gave twice is told apart by its place. `undefined` for what is no list of calls. */
export function readToolCalls(calls: readonly StreamedCall[]): ToolCall[] | undefined {
  const fits = ({ toolCallId, toolName }: StreamedCall): boolean =>
    toolName !== '' && toolName.length <= MAX_NAME_CHARS && toolCallId.length <= MAX_ID_CHARS;
  if (calls.length > MAX_CALLS || !calls.every(fits)) return undefined;
  const given = new Set(calls.map(({ toolCallId }) => toolCallId));
  const taken = new Set<string>();
  return calls.map(({ toolCallId, toolName, input }, i) => {
    const wanted = toolCallId === '' ? `call-${i + 1}` : toolCallId;
    let id = wanted;
    // Not one that a later call was given.
    for (let n = 2; taken.has(id) || (id !== toolCallId && given.has(id)); n += 1) id = `${wanted}-${n}`;
    taken.add(id);
    return { id, tool: toolName, args: bounded(input) };
  });
}

function bounded(args: unknown): unknown {
  try {
    const { length } = JSON.stringify(args ?? null);
    return length > MAX_ARGUMENTS_CHARS ? `[not kept: ${length} characters of arguments]` : (args ?? null);
  } catch {
    // What cannot be written again cannot be carried either.
    return '[not kept: arguments that are nested too deep]';
  }
}
