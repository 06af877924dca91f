// Puts the results of tools where a prompt only names them: right before the model is called, so that histories stay small.
import type { Sql } from '../runtime/database.ts';
import type { StartedRun } from '../runtime/keys/index.ts';
import type { Prompt, PromptMessage, PromptPart } from '../workflows/protocol/index.ts';
import { beginningOf, MAX_TOOL_RESULT_CHARS_SHOWN, MAX_TOOL_RESULTS_CHARS_SHOWN } from '../workflows/protocol/index.ts';
import type { OpenedResult } from './effects.ts';
import { openResults } from './effects.ts';

/**
 * Results up to {@link MAX_TOOL_RESULT_CHARS_SHOWN} each and {@link MAX_TOOL_RESULTS_CHARS_SHOWN} together, the latest first; of the
 * rest the beginning, and how long it is.
 *
 * @throws Error when a result that the prompt names is not in the ledger
 */
export async function withToolResults(sql: Sql, start: StartedRun, runId: string, prompt: Prompt): Promise<Prompt> {
  const keys = prompt.messages.flatMap(({ parts }) => parts.flatMap((part) => part.resultOf ?? []));
  if (keys.length === 0) return prompt;
  const results = await openResults(sql, start, { runId, keys, maxChars: MAX_TOOL_RESULT_CHARS_SHOWN });
  let room = MAX_TOOL_RESULTS_CHARS_SHOWN;
  const filled = (part: PromptPart): PromptPart => {
    if (part.resultOf === undefined) return part;
    const found = results.get(part.resultOf);
    if (found === undefined)
      throw new Error(`The result of call ${part.resultOf} of run ${runId} is not in the ledger`);
    const text = textOf(found, Math.min(room, MAX_TOOL_RESULT_CHARS_SHOWN), part.note);
    room = Math.max(0, room - text.length);
    return { ...part, text };
  };
  const messages: PromptMessage[] = [];
  for (const message of prompt.messages.toReversed()) messages.push({ ...message, parts: message.parts.map(filled) });
  return { messages: messages.toReversed() };
}

/** JSON, always: a result that is too long becomes a text that says so. */
function textOf(
  { state: status, message, json, bytes }: OpenedResult,
  maxChars: number,
  note: string | undefined,
): string {
  const said = note !== undefined && { note };
  const text = `${JSON.stringify({ status, message, ...said }).slice(0, -1)},"result":${json}}`;
  if (json === null || text.length <= maxChars) return text;
  const result = beginningOf(json, maxChars);
  const cut = `The result has ${bytes} bytes; these are its first ${result.length} characters.`;
  return JSON.stringify({ status, message: [message, cut].filter(Boolean).join(' '), ...said, result });
}
