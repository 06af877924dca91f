// The analyzer for texts of many languages, or of one without a stemmer here: words as they are. Pure.
import type { Analyzer } from './analyzer.ts';

/** Finds words by Unicode's rules (UAX 29), and by a dictionary in scripts that do not part them by spaces. */
const segmenter = new Intl.Segmenter('und', { granularity: 'word' });

function words(text: string): string[] {
  const found: string[] = [];
  for (const { segment, isWordLike } of segmenter.segment(text.normalize('NFKC').toLowerCase())) {
    if (isWordLike === true) found.push(segment);
  }
  return found;
}

/**
 * No stop words: a common one weighs little by its rarity. Scripts without spaces are parted by the dictionary of Node's ICU: another
 * one may part a few words otherwise until the next ingest of their documents.
 */
export const anyLanguage: Analyzer = {
  id: 'any/1',
  terms: words,
  contentTerms: (question) => new Set(words(question)),
};
