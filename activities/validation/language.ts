// Whether an answer is in the language of its question: by script, then by the n-grams of `eld` (Apache-2.0), whose figures are in this file. Says
// "undecided" where a text is too short, or no prose. Pure once loaded.
import type { Check } from '../../workflows/protocol/index.ts';

export type CheckLanguage = (question: string, answer: string) => Check;

/** Only what this needs of the library. */
interface Detected {
  readonly language: string;
  getScores(): Readonly<Record<string, number>>;
  isReliable(): boolean;
}
type Detect = (text: string) => Detected;

let loaded: Promise<CheckLanguage> | undefined;

/** Loads the n-grams, once: some 250 ms and 30 MB, so only for who checks a language. */
export async function loadLanguageCheck(): Promise<CheckLanguage> {
  loaded ??= import('eld/extrasmall').then(({ eld }) => {
    const detect: Detect = (text) => eld.detect(text);
    return (question, answer) => checkLanguage(detect, question, answer);
  });
  return await loaded;
}

/**
 * How well the question's language fits the answer, as a share of how well the best one does, 0–1: below it the answer is in another. Over sentences in twelve
 * languages (test/activities/validation/language-sentences.ts) the right one has 0.88 and more; of pairs of sentences a wrong one, where it is not near, has at most
 * 0.83.
 */
const MIN_FIT = 0.86;
/** Of a question: shorter ones fit several languages. */
const MIN_QUESTION = { letters: 16, words: 4 };
const MIN_ANSWER = { letters: 24, words: 5 };
/** A script needs less. */
const MIN_SCRIPT_LETTERS = { question: 4, answer: 12 };
/** Of letters that are of one script. */
const MIN_SCRIPT_SHARE = 0.8;
/** Of what is not white space; code and tables have fewer. */
const MIN_LETTER_SHARE = 0.6;

/** Languages of one group read too much alike to be told apart for certain. */
const NEAR: readonly string[] = [
  'da no sv',
  'es pt gl ca',
  'cs sk',
  'hr sr sl bs',
  'ru uk be bg',
  'ms id tl',
  'hi mr ne',
  'et fi',
];

function checkLanguage(detect: Detect, question: string, answer: string): Check {
  const asked = proseOf(question).slice(0, MAX_QUESTION_CHARS);
  const said = proseOf(answer);
  const samples = samplesOf(said);
  const script = compareScripts(asked, samples.join(' '));
  if (script !== undefined) return script;
  if (!isLong(asked, MIN_QUESTION)) return undecided('the question is too short');
  const long = samples.filter((sample) => isLong(sample, MIN_ANSWER));
  if (long.length === 0) return undecided('the answer has too few words of its own');
  const ofQuestion = detect(asked);
  const ofAnswer = long.map(detect).filter((each) => each.isReliable());
  if (!ofQuestion.isReliable() || ofAnswer.length === 0) return undecided('a text fits several languages');
  const expected = ofQuestion.language;
  const fits = ofAnswer.map((each) => fitOf(each, expected));
  const fit = fits.reduce((sum, each) => sum + each, 0) / fits.length;
  if (fit >= MIN_FIT) return result(true, fit, `is in the language of the question (${nameOf(expected)})`);
  // Where it fits worst.
  const found = ofAnswer[fits.indexOf(Math.min(...fits))]?.language ?? expected;
  if (fitOf(ofQuestion, found) >= MIN_FIT || areNear(expected, found)) {
    return undecided(`${nameOf(expected)} and ${nameOf(found)} are too much alike`);
  }
  return result(false, fit, `the question is in ${nameOf(expected)}, and the answer in ${nameOf(found)}`);
}

/** 0–1: how well a language fits, as a share of how well the best one does. */
const fitOf = (detected: Detected, language: string): number => {
  const scores = detected.getScores();
  const best = scores[detected.language] ?? 0;
  return best === 0 ? 0 : Math.min(1, (scores[language] ?? 0) / best);
};

const areNear = (one: string, other: string): boolean =>
  NEAR.some((group) => group.split(' ').includes(one) && group.split(' ').includes(other));

const names = new Intl.DisplayNames('en', { type: 'language' });
const nameOf = (code: string): string => names.of(code) ?? code;

/** Of which languages some do not part words by spaces; scripts that one language writes together are one. */
const SCRIPTS: readonly (readonly [name: string, letters: RegExp])[] = [
  ['Latin', /\p{Script=Latin}/gu],
  ['Cyrillic', /\p{Script=Cyrillic}/gu],
  ['Greek', /\p{Script=Greek}/gu],
  ['Arabic', /\p{Script=Arabic}/gu],
  ['Hebrew', /\p{Script=Hebrew}/gu],
  ['Devanagari', /\p{Script=Devanagari}/gu],
  ['Bengali', /\p{Script=Bengali}/gu],
  ['Tamil', /\p{Script=Tamil}/gu],
  ['Thai', /\p{Script=Thai}/gu],
  ['Hangul', /\p{Script=Hangul}/gu],
  ['Chinese or Japanese', /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu],
];

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;
const lettersIn = (text: string): number => count(text, /\p{L}/gu);

/** The script that most letters are of, if it is clear. */
function scriptOf(text: string, minLetters: number): string | undefined {
  const letters = lettersIn(text);
  if (letters < minLetters) return undefined;
  return SCRIPTS.find(([, pattern]) => count(text, pattern) >= MIN_SCRIPT_SHARE * letters)?.[0];
}

function compareScripts(question: string, answer: string): Check | undefined {
  const asked = scriptOf(question, MIN_SCRIPT_LETTERS.question);
  const said = scriptOf(answer, MIN_SCRIPT_LETTERS.answer);
  if (asked === undefined || said === undefined || asked === said) return undefined;
  // A product's name or a code is no language; a question of a word or two may be one.
  if (asked === 'Latin' && !isLong(question, MIN_QUESTION)) return undefined;
  return result(false, 0, `the question is in ${asked} script, and the answer in ${said}`);
}

function isLong(text: string, { letters, words }: { readonly letters: number; readonly words: number }): boolean {
  const has = lettersIn(text);
  if (has < letters || has < MIN_LETTER_SHARE * count(text, /\S/g)) return false;
  const spaced = count(text, /\p{L}+/gu) >= words;
  return spaced || /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(text);
}

/** Code, addresses, quotes and citations are in whatever language they are. Quotes do not cross a line break. */
const NOT_PROSE: readonly RegExp[] = [
  /```[\s\S]*?(?:```|$)/g,
  /`[^`\n]{1,500}`/g,
  /^[ \t]*>.*$/gm,
  /["“”„«»][^"“”„«»\n]{1,2000}["“”«»]/g,
  /\b(?:https?:\/\/|www\.)\S+/gi,
  /[^\s@]{1,64}@[^\s@]{1,255}/g,
  /<[^<>\n]{1,500}>/g,
  /\[\d{1,3}\]/g,
];

const proseOf = (text: string): string =>
  NOT_PROSE.reduce((left, pattern) => left.replace(pattern, ' '), piecesOf(text)).trim();

const MAX_PIECES = 8;
const PIECE_CHARS = 4096;

/** Of a long text whole lines from all over it, where it has lines: quotes do not cross them. */
function piecesOf(text: string): string {
  if (text.length <= MAX_PIECES * PIECE_CHARS) return text;
  const step = (text.length - PIECE_CHARS) / (MAX_PIECES - 1);
  const pieces = Array.from({ length: MAX_PIECES }, (_, i) => {
    const piece = text.slice(Math.floor(i * step), Math.floor(i * step) + PIECE_CHARS);
    return i === 0 ? piece : piece.slice(piece.indexOf('\n') + 1);
  });
  return pieces.join('\n');
}

/** The library reads the first thousand characters. */
const MAX_QUESTION_CHARS = 1000;
const MAX_SAMPLES = 8;
const SAMPLE_CHARS = 400;

/** Pieces from all over a text, each judged by itself: what is said twice weighs no more in one. */
function samplesOf(text: string): readonly string[] {
  const count = Math.min(MAX_SAMPLES, Math.ceil(text.length / SAMPLE_CHARS));
  if (count <= 1) return [text];
  const step = (text.length - SAMPLE_CHARS) / (count - 1);
  return Array.from({ length: count }, (_, i) => text.slice(Math.floor(i * step), Math.floor(i * step) + SAMPLE_CHARS));
}

const result = (passed: boolean, score: number, reason: string): Check => ({
  name: 'same-language',
  passed,
  score: Math.round(score * 100) / 100,
  threshold: MIN_FIT,
  reason,
});

/** Passes: what cannot be told is no fault. */
const undecided = (why: string): Check => ({
  name: 'same-language',
  passed: true,
  score: null,
  threshold: MIN_FIT,
  reason: `its language was not compared: ${why}`,
});
