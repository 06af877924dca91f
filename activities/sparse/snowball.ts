// Analyzers of languages beside English: Snowball stemmers and stop words of a library, one way to find words. Pure.
import { stemmer as stemDanish } from '@orama/stemmers/danish';
import { stemmer as stemDutch } from '@orama/stemmers/dutch';
import { stemmer as stemFinnish } from '@orama/stemmers/finnish';
import { stemmer as stemFrench } from '@orama/stemmers/french';
import { stemmer as stemGerman } from '@orama/stemmers/german';
import { stemmer as stemItalian } from '@orama/stemmers/italian';
import { stemmer as stemNorwegian } from '@orama/stemmers/norwegian';
import { stemmer as stemPortuguese } from '@orama/stemmers/portuguese';
import { stemmer as stemSpanish } from '@orama/stemmers/spanish';
import { stemmer as stemSwedish } from '@orama/stemmers/swedish';
import { stopwords as danishStopWords } from '@orama/stopwords/danish';
import { stopwords as dutchStopWords } from '@orama/stopwords/dutch';
import { stopwords as finnishStopWords } from '@orama/stopwords/finnish';
import { stopwords as frenchStopWords } from '@orama/stopwords/french';
import { stopwords as germanStopWords } from '@orama/stopwords/german';
import { stopwords as italianStopWords } from '@orama/stopwords/italian';
import { stopwords as norwegianStopWords } from '@orama/stopwords/norwegian';
import { stopwords as portugueseStopWords } from '@orama/stopwords/portuguese';
import { stopwords as spanishStopWords } from '@orama/stopwords/spanish';
import { stopwords as swedishStopWords } from '@orama/stopwords/swedish';
import type { Analyzer } from './analyzer.ts';

/** Letters, digits and marks of every script; "l'avion" is two. */
const WORD = /[\p{L}\p{N}\p{M}_]+/gu;

type Stem = (word: string) => string;

/** @param revision raised with every release of the library that stems otherwise */
function snowball(language: string, revision: number, stem: Stem, stopWords: readonly string[]): Analyzer {
  const stop = new Set(stopWords.map((word) => word.normalize('NFC')));
  const terms = (text: string): string[] =>
    (text.normalize('NFC').toLowerCase().match(WORD) ?? [])
      .filter((word) => word.length > 1 && !stop.has(word))
      .map(stem);
  // The lists have the words that frame a question, too.
  return { id: `${language}/${revision}`, terms, contentTerms: (question) => new Set(terms(question)) };
}

export const SNOWBALL: readonly Analyzer[] = [
  snowball('danish', 1, stemDanish, danishStopWords),
  snowball('dutch', 1, stemDutch, dutchStopWords),
  snowball('finnish', 1, stemFinnish, finnishStopWords),
  snowball('french', 1, stemFrench, frenchStopWords),
  snowball('german', 1, stemGerman, germanStopWords),
  snowball('italian', 1, stemItalian, italianStopWords),
  snowball('norwegian', 1, stemNorwegian, norwegianStopWords),
  snowball('portuguese', 1, stemPortuguese, portugueseStopWords),
  snowball('spanish', 1, stemSpanish, spanishStopWords),
  snowball('swedish', 1, stemSwedish, swedishStopWords),
];
