// Puts the results of tools where a prompt only names them: right before the model is called, so that histories stay small.
import type { Sql } from '../runtime/database.ts';
import type { StartedRun } from '../runtime/keys/index.ts';
import type { Prompt, PromptPart } from '../workflows/protocol/index.ts';
import { MAX_TOOL_RESULT_CHARS_SHOWN } from '../workflows/protocol/index.ts';
import { openResults } from './effects.ts';

/** @throws Error when a result that the prompt names is not in the ledger */
export async function withToolResults(sql: Sql, start: StartedRun, runId: string, prompt: Prompt): Promise<Prompt> {
  const keys = prompt.messages.flatMap(({ parts }) => parts.flatMap((part) => part.resultOf ?? []));
  if (keys.length === 0) return prompt;
  const results = await openResults(sql, start, runId, keys);
  const filled = (part: PromptPart): PromptPart => {
    if (part.resultOf === undefined) return part;
    const found = results.get(part.resultOf);
    if (found === undefined)
      throw new Error(`The result of call ${part.resultOf} of run ${runId} is not in the ledger`);
    return { ...part, text: textOf(found.state, found.message, found.result) };
  };
  return { messages: prompt.messages.map((message) => ({ ...message, parts: message.parts.map(filled) })) };
}

/** JSON, always: a result that is too long becomes a text that says so. */
function textOf(status: string, message: string, result: unknown): string {
  const text = JSON.stringify({ status, message, result });
  if (text.length <= MAX_TOOL_RESULT_CHARS_SHOWN) return text;
  const shown = JSON.stringify(result).slice(0, MAX_TOOL_RESULT_CHARS_SHOWN);
  const cut = `The result has ${text.length} characters; these are the first ${MAX_TOOL_RESULT_CHARS_SHOWN}.`;
  return JSON.stringify({ status, message: [message, cut].filter(Boolean).join(' '), result: shown });
}
