// Quotes of the sample documents, as they stand there, as formatting leaves them, and changed in what they say. Seeded: the same pairs
// in each run.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface QuotePair {
  readonly context: string;
  readonly quote: string;
  /** 1: word for word, but for formatting. */
  readonly label: 0 | 1;
  /** What was done to it. */
  readonly kind: string;
}

type Random = () => number;

/** Mulberry32, public domain. */
function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;

/** `undefined` where it cannot be done to this sentence. */
type Change = (quote: string, random: Random) => string | undefined;

/** Of formatting: what is said stays. */
const NOISE: Readonly<Record<string, Change>> = {
  none: (quote) => quote,
  'white space': (quote, random) =>
    quote.replaceAll(' ', () => pick(random, [' ', '  ', '\n', '\u00a0', ' \t', '\u2009'])),
  quotes: (quote) => quote.replaceAll("'", '’').replaceAll('"', '“'),
  dashes: (quote, random) =>
    quote.replace(/(?<=\d)-(?=\d)/g, '–').replaceAll(' - ', () => pick(random, [' – ', '—', ' -- '])),
  ligatures: (quote) => quote.replaceAll('fi', 'ﬁ').replaceAll('fl', 'ﬂ').replaceAll('ff', 'ﬀ'),
  hyphenation: (quote, random) => {
    const words = [...quote.matchAll(/\p{Ll}{6,}/gu)];
    if (words.length === 0) return undefined;
    const { 0: word, index } = pick(random, words);
    const at = index + 2 + Math.floor(random() * (word.length - 4));
    return `${quote.slice(0, at)}-\n${quote.slice(at)}`;
  },
  'soft hyphens': (quote) => quote.replaceAll(/(\p{Ll}{4})(?=\p{Ll}{3})/gu, '$1\u00ad'),
  markdown: (quote, random) => {
    const words = quote.split(' ');
    const at = Math.floor(random() * words.length);
    const marked = pick<(word: string) => string>(random, [
      (word) => `**${word}**`,
      (word) => `_${word}_`,
      (word) => `\`${word}\``,
      (word) => `[${word}](https://shop.example/a)`,
    ]);
    return words.map((word, i) => (i === at ? marked(word) : word)).join(' ');
  },
  'an item of a list': (quote) => `- ${quote}`,
  case: (quote) => quote.toUpperCase(),
  'its last mark': (quote) => `${quote.replace(/[.!?]+$/, '')},`,
};

const NEGATIONS: readonly (readonly [RegExp, string])[] = [
  [/\b(is|are|can|may|will|does|do|must)\b(?! not|n't|not)/, '$1 not'],
  [/\b(is|are|can|may|will|does|do|must) not\b/, '$1'],
  [/\bcannot\b/, 'can'],
  [/\bwithin\b/, 'not within'],
  [/\bwith\b/, 'without'],
  [/\bevery\b/i, 'no'],
];
const NAMES = ['Nordwind', 'Hamburg', 'Maria Keller', 'PayRight'];

/** Of what is said. */
const MUTATIONS: Readonly<Record<string, Change>> = {
  numbers: (quote, random) => {
    const numbers = [...quote.matchAll(/\d+/g)];
    if (numbers.length === 0) return undefined;
    const { 0: number, index } = pick(random, numbers);
    const other = pick(random, [
      String(Number(number) + 1),
      `${number}0`,
      `1${number}`,
      String(Number(number) * 2 + 1),
    ]);
    return quote.slice(0, index) + other + quote.slice(index + number.length);
  },
  negation: (quote, random) => {
    const possible = NEGATIONS.filter(([from]) => from.test(quote));
    if (possible.length === 0) return undefined;
    const [from, to] = pick(random, possible);
    return quote.replace(from, to);
  },
  names: (quote, random) => {
    const words = [...quote.matchAll(/(?<=\s)\p{L}{4,}/gu)];
    if (words.length === 0) return undefined;
    const { 0: word, index } = pick(random, words);
    return quote.slice(0, index) + pick(random, NAMES) + quote.slice(index + word.length);
  },
  order: (quote, random) => {
    const words = quote.split(' ');
    if (words.length < 4) return undefined;
    const at = Math.floor(random() * (words.length - 1));
    const [one = '', other = ''] = words.slice(at, at + 2);
    if (one.toLowerCase() === other.toLowerCase()) return undefined;
    return [...words.slice(0, at), other, one, ...words.slice(at + 2)].join(' ');
  },
  cut: (quote, random) => {
    const words = quote.split(' ');
    if (words.length < 5) return undefined;
    const at = 1 + Math.floor(random() * (words.length - 3));
    return [...words.slice(0, at), ...words.slice(at + 1 + Math.floor(random() * 2))].join(' ');
  },
  'cut word': (quote, random) => {
    const end = pick(random, [2, 3]);
    const bare = quote.replace(/[^\p{L}\p{N}]+$/u, '');
    return /[\p{L}\p{N}]{5}$/u.test(bare) ? bare.slice(0, -end) : undefined;
  },
};

/** One pair for each sentence and change that can be made to it, `rounds` times. */
export function* quotePairs(folder: string, rounds: number): Generator<QuotePair, void> {
  const random = randomOf(7);
  for (const name of readdirSync(folder).sort()) {
    const context = readFileSync(join(folder, name), 'utf8').replace(/^---\n[\s\S]*?\n---\n/, '');
    const flat = context.replace(/\s+/g, ' ');
    // Sentences that stand on their own: no heading, no item, no row of a table.
    const sentences = (context.match(/(?<=^|[.!?]\s)\p{Lu}[^.!?|#\n*`[\]]{25,300}[.!?](?=\s|$)/gmu) ?? []).filter(
      (sentence) => flat.includes(sentence),
    );
    for (const sentence of sentences) {
      for (const [label, changes] of [
        [1, NOISE],
        [0, MUTATIONS],
      ] as const) {
        for (const [kind, change] of Object.entries(changes)) {
          for (let round = 0; round < rounds; round += 1) {
            const quote = change(sentence, random);
            // A change may give what stands elsewhere in the document.
            if (quote === undefined || (label === 0 && flat.toLowerCase().includes(quote.toLowerCase()))) continue;
            yield { context, quote, label, kind };
          }
        }
      }
    }
  }
}
