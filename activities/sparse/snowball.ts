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

/** Words that frame a question without saying what it is about, beside stop words. */
const FRAMING: Readonly<Record<string, string>> = {
  danish: 'hvornår hvordan hvorfor hvor hvem hvilken hvilket hvilke hvad kan må skal hej tak længe meget',
  dutch: 'wanneer hoe waarom hoeveel waar wie welk welke wat kan mag moet alstublieft graag dank hallo lang',
  finnish: 'milloin miten miksi missä mistä mihin kuka ketkä mikä mitkä kuinka voinko voiko pitääkö hei kiitos',
  french:
    'quand comment pourquoi combien quel quelle quels quelles où qui quoi puis peux peut faut dois plaît bonjour merci',
  german:
    'wann warum weshalb wieso wer wen wem wessen wohin woher wofür bitte gibt geht lange hallo danke kannst möchte darf',
  italian: 'quando come perché quanto quanta quanti quante dove chi quale quali posso può devo ciao grazie favore',
  norwegian: 'når hvordan hvorfor hvor hvem hvilken hvilket hvilke hva kan må skal hei takk lenge mye',
  portuguese:
    'quando como quanto quanta quantos quantas onde quem qual quais posso pode devo olá obrigado obrigada favor',
  spanish:
    'cuándo cómo cuánto cuánta cuántos cuántas dónde quién quiénes cuál cuáles puedo puede debo hola gracias favor',
  swedish: 'när hur varför var vem vilken vilket vilka vad kan får måste hej tack länge mycket',
};

/** @param revision raised with every release of the library that stems otherwise */
function snowball(language: string, revision: number, stem: Stem, stopWords: readonly string[]): Analyzer {
  const stop = new Set(stopWords.map((word) => word.normalize('NFC')));
  const framing = new Set(FRAMING[language]?.split(' '));
  const words = (text: string): string[] =>
    (text.normalize('NFC').toLowerCase().match(WORD) ?? []).filter((word) => word.length > 1 && !stop.has(word));
  return {
    id: `${language}/${revision}`,
    terms: (text) => words(text).map(stem),
    contentTerms: (question) => new Set(words(question).flatMap((word) => (framing.has(word) ? [] : stem(word)))),
  };
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
