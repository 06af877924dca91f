// What the local models report as usage. They have no tokenizer: words stand in for tokens.
import type { Prompt } from '../../workflows/protocol/index.ts';
import type { ModelReply } from '../ports/model.ts';

export function wordUsage(prompt: Prompt, reply: string): ModelReply['usage'] {
  const inputTokens = prompt.messages
    .flatMap((message) => message.parts)
    .reduce((count, part) => count + countWords(part.text), 0);
  return { inputTokens, outputTokens: countWords(reply), cachedTokens: 0 };
}

const countWords = (text: string): number => text.match(/\S+/g)?.length ?? 0;
