// A corpus of any size for measuring speed: words with the frequencies of English, the same at every run. Pure.
import { createRandom } from './random.ts';

export interface SyntheticCorpus {
  /** Text of a chunk, by its number. */
  chunk(number: number): string;
  /** A question of a few words of one chunk, and a common one. */
  question(number: number): string;
}

/** As many as a chunk of 900 characters of prose has without its stop words. */
const WORDS_PER_CHUNK = 95;
/** Words of a large collection; a word's rank decides how often it is said. */
const VOCABULARY = 60_000;
const WORDS_PER_QUESTION = 7;

/** @param chunks how many; questions are about these */
export function createSyntheticCorpus(chunks: number): SyntheticCorpus {
  return {
    chunk: (number) => words(number, WORDS_PER_CHUNK).join(' '),
    question: (number) => {
      const random = createRandom(number * 7919 + 1);
      const said = words(Math.floor(random() * chunks), WORDS_PER_CHUNK);
      return Array.from({ length: WORDS_PER_QUESTION }, () => said[Math.floor(random() * said.length)]).join(' ');
    },
  };
}

function words(seed: number, count: number): string[] {
  const random = createRandom(seed + 1);
  return Array.from({ length: count }, () => wordOf(rankOf(random())));
}

/** Zipf's law: the chance of a rank is in proportion to 1 / (rank + 10). The commonest words, stop words, are left out. */
const rankOf = (share: number): number => Math.floor(10 * ((VOCABULARY + 10) / 10) ** share - 10);

/** Distinct, of letters that the stemmer leaves as they are. */
function wordOf(rank: number): string {
  let word = '';
  for (let rest = rank + 200; rest > 0; rest = Math.floor(rest / 20)) word += 'bcdfghjkmnpqrtvwxzuo'[rest % 20] ?? '';
  return word;
}
