// `local/extractive`: quotes the sentences that answer, with citations, and says when none do. Not an LLM: it writes nothing of
// its own, needs no network and costs nothing. The same prompt gives the same reply.
import type { Prompt, PromptPart } from '../../workflows/protocol/index.ts';
import { readsLikeInstruction } from '../injection-signals.ts';
import type { Model, ModelReply } from '../ports/model.ts';
import type { Analyzer } from '../sparse/analyzer.ts';
import { english } from '../sparse/english.ts';
import { bySentence } from './by-sentence.ts';
import { wordUsage } from './word-usage.ts';

const MAX_SENTENCES = 3;
/** Share of the question's weight that the quoted sentences must cover, 0–1. */
const MIN_COVERAGE = 0.5;
/** A further sentence is quoted only if it covers this much more of the question, 0–1. */
const MIN_GAIN = 0.15;
/** And only if by itself it is about the question: it covers at least this share of what the first sentence does, 0–1. */
const MIN_OF_FIRST = 0.4;
/** Fewer words are an item of a list, not a sentence; and only from here on the validation checks a quote. */
const MIN_WORDS = 3;

interface Sentence {
  readonly text: string;
  readonly citation: number;
  readonly terms: ReadonlySet<string>;
}

export function createExtractiveModel(analyzer: Analyzer = english): Model {
  return {
    label: 'local/extractive',
    free: true,
    async call({ prompt, onText }) {
      const reply = extract(prompt, analyzer);
      bySentence(reply.text, onText);
      return reply;
    },
  };
}

function extract(prompt: Prompt, analyzer: Analyzer): ModelReply {
  const parts = prompt.messages.flatMap((message) => message.parts);
  const question = parts.findLast((part) => part.origin === 'user')?.text ?? '';
  const sentences = parts.flatMap((part) => sentencesOf(part, analyzer));
  const wanted = analyzer.contentTerms(question);
  const weights = weigh(wanted, sentences);
  const total = sum(weights.values());

  const chosen: Sentence[] = [];
  const covered = new Set<string>();
  let ofFirst = 0;
  while (chosen.length < MAX_SENTENCES && total > 0) {
    let best: Sentence | undefined;
    let bestGain = 0;
    for (const sentence of sentences) {
      let gain = 0;
      let own = 0;
      for (const [term, weight] of weights) {
        if (!sentence.terms.has(term)) continue;
        own += weight;
        if (!covered.has(term)) gain += weight;
      }
      if (own < MIN_OF_FIRST * ofFirst) continue;
      // Of two that say as much, the one ranked first; of one passage, the shorter.
      const shorter = best?.citation === sentence.citation && sentence.text.length < best.text.length;
      if (gain > bestGain || (gain === bestGain && gain > 0 && shorter)) [best, bestGain] = [sentence, gain];
    }
    if (best === undefined || bestGain < MIN_GAIN * total) break;
    if (chosen.length === 0) ofFirst = bestGain;
    chosen.push(best);
    for (const term of best.terms) covered.add(term);
  }

  const share =
    total === 0 ? 0 : sum([...weights].filter(([term]) => covered.has(term)).map(([, weight]) => weight)) / total;
  // Quotes inside a quote become single ones, as in print: validation takes all quotation marks for one.
  const quoted = (sentence: Sentence): string => `"${sentence.text.replace(/["“”„]/g, "'")}" [${sentence.citation}]`;
  const text = chosen.map(quoted).join('\n\n');
  const answered = chosen.length > 0 && share >= MIN_COVERAGE;
  return {
    text: answered ? text : '',
    finishReason: answered ? 'stop' : 'insufficient-context',
    usage: wordUsage(prompt, answered ? text : ''),
  };
}

/** Sentences of a retrieved part as they stand there; headings, tables and orders to a model are not quoted. */
function sentencesOf(part: PromptPart, analyzer: Analyzer): Sentence[] {
  const { citation } = part;
  if (part.origin !== 'retrieval' || citation === undefined) return [];
  const blocks = part.text
    .replace(/<!--[\s\S]*?(?:-->|$)/g, '\n\n')
    .split(/\n\s*\n|\n(?=\s*(?:[-*+]|\d+\.)\s)/)
    .map((block) =>
      block
        .replace(/^\s*(?:[-*+]|\d+\.|>)\s+/, '')
        .replace(/\s*\n\s*/g, ' ')
        .trim(),
    )
    .filter((block) => block !== '' && !/^[#|]/.test(block));
  return blocks
    .flatMap((block) => [...new Intl.Segmenter('en', { granularity: 'sentence' }).segment(block)])
    .map(({ segment }) => segment.trim())
    .filter((text) => /[.!?]["')]*$/.test(text) && text.split(/\s+/).length >= MIN_WORDS)
    .filter((text) => !readsLikeInstruction(text))
    .map((text) => ({ text, citation, terms: new Set(analyzer.terms(text)) }));
}

/** IDF over the sentences of this prompt (Lucene's form of BM25), so that rare words of the question count more. */
function weigh(terms: ReadonlySet<string>, sentences: readonly Sentence[]): Map<string, number> {
  return new Map(
    [...terms].map((term) => {
      const df = sentences.filter((sentence) => sentence.terms.has(term)).length;
      return [term, Math.log(1 + (sentences.length - df + 0.5) / (df + 0.5))];
    }),
  );
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
