// How much each word of a question counts, by how rare it is in what was found, and which stems may stand for it. Pure.
import type { Analyzer } from '../../sparse/analyzer.ts';
import { english } from '../../sparse/english.ts';
import type { QuestionPart, WantedTerm } from './question.ts';
import type { Sentence, SourcePassage } from './sentences.ts';
import { SYNONYMS } from './words.ts';

/** In fewer sentences the difference between "once" and "never" would be all that counts. */
const MIN_SENTENCES = 20;
/** A stem is taken to be derived from another one if both are at least so long, … */
const MIN_DERIVED = 5;
/** … differ by at most so many letters in length, and in no more than the last letter of the shorter. */
const MAX_LONGER = 4;

export interface Weighed extends Pick<WantedTerm, 'term' | 'isName'> {
  /** Above 0. */
  readonly weight: number;
  /** Stems of the passages that may stand for it. */
  readonly others: readonly string[];
}

export const isIn = ({ term, others }: Pick<Weighed, 'term' | 'others'>, terms: ReadonlySet<string>): boolean =>
  terms.has(term) || others.some((other) => terms.has(other));

/** IDF over the sentences of this prompt (Lucene's form of BM25), so that rare words of the question count more. */
const rarity = (sentences: number, having: number): number =>
  Math.log(1 + (Math.max(sentences, MIN_SENTENCES) - having + 0.5) / (having + 0.5));

/** Of a word that a single one of them has. */
export const fullWeight = (sentences: number): number => rarity(sentences, 1);

export function weigh(
  { wanted }: QuestionPart,
  sentences: readonly Sentence[],
  passages: readonly SourcePassage[],
  analyzer: Analyzer,
): readonly Weighed[] {
  const vocabulary = new Set<string>();
  for (const { terms } of passages) for (const term of terms) vocabulary.add(term);
  return wanted.map(({ term, factor, isName }) => {
    const having = sentences.filter((sentence) => sentence.terms.has(term)).length;
    const others = isName || analyzer.id !== english.id ? [] : othersOf(term, vocabulary);
    return { term, isName, others, weight: factor * rarity(sentences.length, having) };
  });
}

function othersOf(term: string, vocabulary: ReadonlySet<string>): string[] {
  const others = (SYNONYMS.get(term) ?? []).filter((other) => vocabulary.has(other));
  if (term.length < MIN_DERIVED) return others;
  for (const other of vocabulary) {
    if (other === term || other.length < MIN_DERIVED || Math.abs(other.length - term.length) > MAX_LONGER) continue;
    const shared = Math.max(MIN_DERIVED, Math.min(term.length, other.length) - 1);
    if (other.startsWith(term.slice(0, shared)) && term.startsWith(other.slice(0, shared))) others.push(other);
  }
  return others;
}
