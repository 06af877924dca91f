// The Snowball English stemmer ("Porter2"), revision of Snowball 3.x. Pure. Never changed in place: a stem that moves
// silently detaches every stored term, so a change needs a new analyzer id.

const VOWEL = 'aeiouy';

const WHOLE_WORDS = new Map<string, string>([
  ['skis', 'ski'],
  ['skies', 'sky'],
  ['idly', 'idl'],
  ['gently', 'gentl'],
  ['ugly', 'ugli'],
  ['early', 'earli'],
  ['only', 'onli'],
  ['singly', 'singl'],
  ...['sky', 'news', 'howe', 'atlas', 'cosmos', 'bias', 'andes'].map((word): [string, string] => [word, word]),
]);

/** Words that step 1b would otherwise maul: they keep their ending. */
const KEPT_AFTER_1A = new Set(['inning', 'outing', 'canning', 'herring', 'earring', 'evening']);

const REGION_PREFIX = /^(?:arsen|commun|emerg|gener|inter|later|organ|past|univers)/;
const STEP_1B = /(?:eedly|ingly|edly|eed|ing|ed)$/;
const STEP_2 =
  /(?:ational|fulness|iveness|ization|ousness|biliti|lessli|tional|alism|aliti|ation|entli|fulli|iviti|ogist|ousli|abli|alli|anci|ator|enci|izer|bli|ogi|li)$/;
const STEP_2_TO: Readonly<Record<string, string>> = {
  ational: 'ate',
  fulness: 'ful',
  iveness: 'ive',
  ization: 'ize',
  ousness: 'ous',
  biliti: 'ble',
  lessli: 'less',
  tional: 'tion',
  alism: 'al',
  aliti: 'al',
  ation: 'ate',
  entli: 'ent',
  fulli: 'ful',
  iviti: 'ive',
  ogist: 'og',
  ousli: 'ous',
  abli: 'able',
  alli: 'al',
  anci: 'ance',
  ator: 'ate',
  enci: 'ence',
  izer: 'ize',
  bli: 'ble',
  ogi: 'og',
  li: '',
};
const STEP_3 = /(?:ational|tional|alize|ative|icate|iciti|ical|ness|ful)$/;
const STEP_3_TO: Readonly<Record<string, string>> = {
  ational: 'ate',
  tional: 'tion',
  alize: 'al',
  ative: '',
  icate: 'ic',
  iciti: 'ic',
  ical: 'ic',
  ness: '',
  ful: '',
};
const STEP_4 = /(?:ement|able|ance|ence|ible|ment|ant|ate|ent|ion|ism|iti|ive|ize|ous|al|er|ic)$/;

const BEYOND_16_BITS = /[\u{10000}-\u{10FFFF}]/gu;
/** For private use: in no word, since it is neither a letter nor a digit. */
const STAND_IN = '\uE000';

/**
 * The stem of one lower-case word without apostrophes. Words under three characters come back as they are.
 * Source: snowballstem.org/algorithms/english; compared with PyStemmer 3.1.0 word by word.
 */
export function stemEnglish(word: string): string {
  const beyond = word.match(BEYOND_16_BITS);
  if (beyond === null) return stemOf(word);
  // The rules count letters. One that takes two code units is stood for by one that takes one, and no rule knows.
  let at = 0;
  return stemOf(word.replace(BEYOND_16_BITS, STAND_IN)).replaceAll(STAND_IN, () => beyond[at++] ?? '');
}

function stemOf(word: string): string {
  if (word.length < 3) return word;
  const whole = WHOLE_WORDS.get(word);
  if (whole !== undefined) return whole;
  const marked = word.includes('y') ? word.replace(/^y/, 'Y').replace(/([aeiouy])y/g, '$1Y') : word;
  const p1 = REGION_PREFIX.exec(marked)?.[0].length ?? afterVowelThenConsonant(marked, 0);
  const p2 = afterVowelThenConsonant(marked, p1);

  const singular = step1a(marked);
  if (KEPT_AFTER_1A.has(singular)) return singular;
  const base = step1c(step1b(singular, p1));
  const stem = step5(step4(step3(step2(base, p1), p1, p2), p2), p1, p2);
  return stem.includes('Y') ? stem.replaceAll('Y', 'y') : stem;
}

const isVowel = (letter: string | undefined): boolean => letter !== undefined && VOWEL.includes(letter);

/** Where the region after the first consonant that follows a vowel begins; the word's length if there is none. */
function afterVowelThenConsonant(word: string, from: number): number {
  let at = from;
  while (at < word.length && !isVowel(word[at])) at += 1;
  while (at < word.length && isVowel(word[at])) at += 1;
  return Math.min(at + 1, word.length);
}

function endsInShortSyllable(word: string): boolean {
  if (word.length === 2) return isVowel(word[0]) && !isVowel(word[1]);
  return /[^aeiouy][aeiouy][^aeiouywxY]$/.test(word) || word.endsWith('past');
}

function step1a(word: string): string {
  if (!/[sd]$/.test(word)) return word;
  if (word.endsWith('sses')) return word.slice(0, -2);
  if (/ie[sd]$/.test(word)) return word.slice(0, word.length > 4 ? -2 : -1);
  if (!word.endsWith('s') || /[us]s$/.test(word)) return word;
  return /[aeiouy]/.test(word.slice(0, -2)) ? word.slice(0, -1) : word;
}

function step1b(word: string, p1: number): string {
  const suffix = STEP_1B.exec(word)?.[0];
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  if (suffix.startsWith('eed')) return stem.length >= p1 && !/^(?:proc|exc|succ)$/.test(stem) ? `${stem}ee` : word;
  if (suffix === 'ing' && /^[^aeiouy]y$/.test(stem)) return `${stem.slice(0, -1)}ie`;
  if (!/[aeiouy]/.test(stem)) return word;
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (/(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)$/.test(stem)) {
    return stem.length === 3 && /^[aeo]/.test(stem) ? stem : stem.slice(0, -1);
  }
  return stem.length === p1 && endsInShortSyllable(stem) ? `${stem}e` : stem;
}

function step1c(word: string): string {
  return /.[^aeiouy][yY]$/.test(word) ? `${word.slice(0, -1)}i` : word;
}

function step2(word: string, p1: number): string {
  const suffix = STEP_2.exec(word)?.[0];
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  if (stem.length < p1) return word;
  if (suffix === 'ogi' && !stem.endsWith('l')) return word;
  if (suffix === 'li' && !/[cdeghkmnrt]$/.test(stem)) return word;
  return stem + (STEP_2_TO[suffix] ?? '');
}

function step3(word: string, p1: number, p2: number): string {
  const suffix = STEP_3.exec(word)?.[0];
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  if (stem.length < p1 || (suffix === 'ative' && stem.length < p2)) return word;
  return stem + (STEP_3_TO[suffix] ?? '');
}

function step4(word: string, p2: number): string {
  const suffix = STEP_4.exec(word)?.[0];
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  if (stem.length < p2 || (suffix === 'ion' && !/[st]$/.test(stem))) return word;
  return stem;
}

function step5(word: string, p1: number, p2: number): string {
  const stem = word.slice(0, -1);
  if (word.endsWith('e')) {
    return stem.length >= p2 || (stem.length >= p1 && !endsInShortSyllable(stem)) ? stem : word;
  }
  return word.endsWith('ll') && stem.length >= p2 ? stem : word;
}
