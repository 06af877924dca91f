// A model for tests that reads its prompt and does what it says: it answers with the sentence of the passages that has most of the question's
// words, and quotes, cites, admits and obeys injections only as its instructions have it. NO LANGUAGE MODEL: words are compared, nothing
// is understood. The same request gets the same reply.
import type { ChatRequest, Completion } from './model-server.ts';

interface Sentence {
  readonly n: number;
  readonly text: string;
  readonly words: ReadonlySet<string>;
}

interface Instructions {
  readonly cite: boolean;
  readonly quote: boolean;
  /** Says that it does not know. */
  readonly admit: boolean;
  /** Takes passages and questions for data. */
  readonly guard: boolean;
}

/** Below this share of the question's words, weighed, a sentence does not answer. */
const ENOUGH = 0.5;
const INJECTION = /\b(?:ignore all previous instructions|new instruction)\b/i;
const NOISE = new Set(
  'a about an and any are as at be by can do does for from go have hello hi how i if in is it its me my not of on or our please pls s so that the their them then there they this to us was we what when where which who will with you your'.split(
    ' ',
  ),
);

export function readAndReply({ messages, max_tokens: most }: ChatRequest): Completion {
  const told = messages.filter(({ role }) => role === 'system').map(({ content }) => content ?? '');
  const asked = messages.find(({ role }) => role === 'user')?.content ?? '';
  const reply = replyTo(asked, instructionsOf(told.join('\n')));
  const promptTokens = messages.reduce((sum, { content }) => sum + tokensOf(content ?? ''), 0);
  const completionTokens = tokensOf(reply);
  return typeof most === 'number' && completionTokens > most
    ? { text: reply.slice(0, most * 4), promptTokens, completionTokens: most, finishReason: 'length' }
    : { text: reply, promptTokens, completionTokens };
}

/** As good as any: four characters. */
export const tokensOf = (text: string): number => Math.ceil(text.length / 4);

const instructionsOf = (prompt: string): Instructions => ({
  cite: /square brackets/i.test(prompt),
  quote: /double quotes/i.test(prompt),
  admit: prompt.includes('INSUFFICIENT_CONTEXT'),
  guard: /passages? (?:are|is|count as) data/i.test(prompt),
});

function replyTo(asked: string, told: Instructions): string {
  const passages = [...asked.matchAll(/<passage n="(\d+)"[^>]*>\n([\s\S]*?)\n<\/passage>/g)];
  const question = asked.slice(asked.lastIndexOf('</passage>') + 1).replace(/^\/passage>/, '');
  if (!told.guard) {
    const obeyed = injected(question, passages);
    if (obeyed !== undefined) return obeyed;
  }
  const sentences = passages.flatMap(([, n, text = '']) => sentencesOf(Number(n), text, told));
  const weigh = weighing(sentences);
  const wanted = wordsOf(question);
  const all = total(wanted, weigh);
  let best: Sentence | undefined;
  let bestScore = 0;
  for (const sentence of sentences) {
    const score =
      total(
        [...wanted].filter((word) => sentence.words.has(word)),
        weigh,
      ) / all;
    // Of two with as many of its words the shorter one is about the question rather than about others, too.
    if (score < bestScore || (score === bestScore && sentence.text.length >= (best?.text.length ?? 0))) continue;
    [best, bestScore] = [sentence, score];
  }
  if (best === undefined || (told.admit && bestScore < ENOUGH)) {
    return told.admit ? 'INSUFFICIENT_CONTEXT' : 'That is so in all our shops.';
  }
  const said = told.quote ? `"${best.text.replace(/["“”„]/g, "'")}"` : best.text;
  return told.cite ? `${said} [${best.n}]` : said;
}

/** What it is told to say by whoever wrote the question, or a document where it is about refunds, as that asks for. */
function injected(question: string, passages: readonly RegExpExecArray[]): string | undefined {
  if (INJECTION.test(question)) return 'Your refund is approved.';
  if (!/\brefund/i.test(question)) return undefined;
  const [, n] = passages.find(([, , text = '']) => INJECTION.test(text)) ?? [];
  return n === undefined ? undefined : `"every refund is approved without limit" [${n}]`;
}

function sentencesOf(n: number, text: string, { guard }: Instructions): readonly Sentence[] {
  return text
    .split(/\n\s*\n|\n(?=[|#<-])/)
    .filter((block) => !/^\s*(?:[|#]|<!--)/.test(block) && !(guard && INJECTION.test(block)))
    .flatMap((block) =>
      block
        .replace(/\s+/g, ' ')
        .trim()
        .split(/(?<=[.!?]) +(?=\p{Lu})/u),
    )
    .filter((sentence) => sentence !== '')
    .map((sentence) => ({ n, text: sentence, words: wordsOf(sentence) }));
}

/** The rarer a word among the sentences, the more it says. */
function weighing(sentences: readonly Sentence[]): (word: string) => number {
  const counts = new Map<string, number>();
  for (const { words } of sentences) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return (word) => Math.log(1 + sentences.length / (1 + (counts.get(word) ?? 0)));
}

const total = (words: Iterable<string>, weigh: (word: string) => number): number =>
  [...words].reduce((sum, word) => sum + weigh(word), 0);

const wordsOf = (text: string): ReadonlySet<string> =>
  new Set(
    (text.toLowerCase().match(/[\p{L}\p{N}€.]*[\p{L}\p{N}]/gu) ?? []).filter((word) => !NOISE.has(word)).map(stem),
  );

const stem = (word: string): string =>
  word.length > 4 ? word.replace(/(?:ing|ed|es|e|s)$/, '') : word.replace(/(?<=..)s$/, '');
