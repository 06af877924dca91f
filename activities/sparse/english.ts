// The English analyzer: bm25s's default token pattern and stop words, and the Snowball stemmer. Pure.
import type { Analyzer } from './analyzer.ts';
import { stemEnglish } from './stem-english.ts';

/** `\b\w\w+\b` of Python's `re`, which counts letters and digits of every script; `\w` in JavaScript is ASCII. */
const TOKEN = /[\p{L}\p{N}_]{2,}/gu;

/** The 33 words of Lucene's English list, as bm25s uses for `en`. */
const STOP_WORDS = new Set(
  (
    'a an and are as at be but by for if in into is it no not of on or such that the their then there these they ' +
    'this to was will with'
  ).split(' '),
);

/** Words that frame a question without saying what it is about. Stop words are gone before this list is asked. */
const SCAFFOLDING = new Set(
  (
    'about am any anyone anybody been being can cannot could did do does doing done don doesn didn explain get give ' +
    'had has have having he hello help her hi his how however hey i isn just kindly know let like ll many may me ' +
    'might mine much must my need our ours please re say says shall she should show so some somebody someone tell ' +
    'than thank thanks them us ve want wants we were what whats when where whether which who whom whose why wish ' +
    'would you your yours'
  ).split(' '),
);

/** "How long", "how far": the second word frames the question, too. Elsewhere it says something ("a long dress"). */
const MEASURE = /\bhow (long|often|far|soon|fast|quickly|big|old)\b/gi;

/** Stems kept in memory: about 10 MB, and most texts use far fewer words. */
const STEM_CACHE_SIZE = 100_000;
/** Longer ones are keys and hashes, each of its own. */
const MAX_CACHED_CHARS = 32;
const stems = new Map<string, string>();

function stemOf(word: string): string {
  const known = stems.get(word);
  if (known !== undefined) return known;
  const stem = stemEnglish(word);
  if (word.length > MAX_CACHED_CHARS) return stem;
  if (stems.size >= STEM_CACHE_SIZE) stems.clear();
  stems.set(word, stem);
  return stem;
}

function words(text: string): string[] {
  return (text.toLowerCase().match(TOKEN) ?? []).filter((word) => !STOP_WORDS.has(word));
}

export const english: Analyzer = {
  id: 'english/2',
  terms: (text) => words(text).map(stemOf),
  contentTerms: (question) =>
    new Set(
      words(question.replace(MEASURE, ' '))
        .filter((word) => !SCAFFOLDING.has(word))
        .map(stemOf),
    ),
};
