// A provider that is more than a list of replies: it reads its prompt, and may change its ways after some time. For `script` of the model
// server.
import type { ChatRequest, Completion } from './model-server.ts';

/** Tokens as if four characters were one: what such a reply costs depends on what was asked. */
const tokensOf = (text: string): number => Math.ceil(text.length / 4);

/** Quotes the first sentence of the first passage that it is shown, and cites it; without passages it says so. */
export function readsItsPrompt({ messages }: ChatRequest): Completion {
  const shown = messages.map(({ content }) => content ?? '').join('\n');
  const passage = /<passage n="1">\n([\s\S]*?)\n<\/passage>/.exec(shown)?.[1];
  // Markdown headings are no sentences.
  const sentence = passage && /(?:^|\n)([^#\n][^\n]*?[.!?])(?=\s|$)/.exec(passage)?.[1];
  const text = sentence === undefined ? 'INSUFFICIENT_CONTEXT' : `"${sentence}" [1]`;
  return { text, promptTokens: tokensOf(shown), completionTokens: tokensOf(text) };
}

/** Reads its prompt, and from its nth reply on changes every figure in what it quotes. */
export function drifts(from: number): (request: ChatRequest) => Completion {
  let asked = 0;
  return (request) => {
    asked += 1;
    const reply = readsItsPrompt(request);
    if (asked < from) return reply;
    // Not the citation.
    return { ...reply, text: (reply.text ?? '').replace(/\d+(?=.*")/g, (figure) => String(Number(figure) + 1)) };
  };
}
