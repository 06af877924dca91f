// Which language passages are written in, as far as their small words tell it. A prompt does not say which analyzer its collection was
// written with, so it is guessed. Pure; reads the beginning of each text only.
import type { Analyzer } from '../../sparse/analyzer.ts';
import { english } from '../../sparse/english.ts';
import { SNOWBALL } from '../../sparse/snowball.ts';

const SAMPLE_CHARS = 600;
/** Ten other languages are tried. */
const OTHER_SAMPLE_CHARS = 250;
/** The best ranked are enough. */
const SAMPLED_TEXTS = 3;
/** Share of the words that English stop words are in an English text, at least; in one of another language they are fewer. 0–1. */
const ENGLISH = 0.2;
/** The same of another language, whose lists are longer, 0–1. */
const OTHER = 0.3;

/** English where no other language shows. A few words show none. */
export function languageOfTexts(texts: readonly string[]): Analyzer {
  if (stoppedBy(english, sampleOf(texts, SAMPLE_CHARS)) >= ENGLISH) return english;
  const sample = sampleOf(texts, OTHER_SAMPLE_CHARS);
  let best = english;
  let most = OTHER;
  for (const analyzer of SNOWBALL) {
    const share = stoppedBy(analyzer, sample);
    if (share > most) [best, most] = [analyzer, share];
  }
  return best;
}

const sampleOf = (texts: readonly string[], chars: number): string =>
  texts
    .slice(0, SAMPLED_TEXTS)
    .map((text) => text.slice(0, chars))
    .join('\n');

/** Share of the words that are small ones of its language, 0–1. */
function stoppedBy(analyzer: Analyzer, sample: string): number {
  const words = sample.match(/[\p{L}\p{M}]{2,}/gu)?.length ?? 0;
  return words === 0 ? 0 : 1 - analyzer.terms(sample).length / words;
}
