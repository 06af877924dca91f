// The calls in a model's reply as OpenAI's chat completions write them. Only their form is checked here: names and arguments are the
// funnel's to judge.
import { z } from 'zod';
import type { ToolCall } from '../../workflows/protocol/index.ts';
import { MAX_TOOL_ARGUMENTS_BYTES } from '../../workflows/protocol/index.ts';

const MAX_CALLS = 32;
const MAX_NAME_CHARS = 64;
const MAX_ID_CHARS = 200;
/** Far more than a tool takes. Longer ones are not kept: every turn after this one would carry them. */
const MAX_ARGUMENTS_CHARS = 8 * MAX_TOOL_ARGUMENTS_BYTES;

export const toolCallsSchema = z
  .array(
    z.object({
      id: z.string().max(MAX_ID_CHARS).nullish(),
      function: z.object({ name: z.string().min(1).max(MAX_NAME_CHARS), arguments: z.string().nullish() }),
    }),
  )
  .max(MAX_CALLS);

/** Calls with an id each. What a provider left out, or gave twice, is made up from its place: the same reply gives the same ids. */
export function readToolCalls(calls: z.infer<typeof toolCallsSchema>): ToolCall[] {
  const given = new Set(calls.map(({ id }) => id));
  const taken = new Set<string>();
  return calls.map(({ id, function: { name, arguments: text } }, i) => {
    const wanted = id == null || id === '' ? `call-${i + 1}` : id;
    let unique = wanted;
    // Not one that a later call was given.
    for (let n = 2; taken.has(unique) || (unique !== id && given.has(unique)); n += 1) unique = `${wanted}-${n}`;
    taken.add(unique);
    return { id: unique, tool: name, args: readArguments(text ?? '') };
  });
}

/** Nothing at all stands for no arguments. What is no JSON stays text, which no tool takes: the model is told so. */
function readArguments(text: string): unknown {
  if (text.length > MAX_ARGUMENTS_CHARS) return `[not kept: ${text.length} characters of arguments]`;
  if (text.trim() === '') return {};
  try {
    const args: unknown = JSON.parse(text);
    // What is nested too deep to be written again cannot be carried either.
    JSON.stringify(args);
    return args;
  } catch {
    return text;
  }
}
