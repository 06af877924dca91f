// Numbers with their units, and dates, as they are written in many ways. Pure.
import type { Raw, Token } from './tokens.ts';

export interface Figure {
  /** Place of its token in the sentence. */
  readonly at: number;
  readonly kind: 'number' | 'date';
  /** Keys under which the same figure is found however it is written; the most telling first. */
  readonly keys: readonly string[];
  /** What it is a figure of, where that is known: time, %, a currency … */
  readonly dimension: string | undefined;
  /** Place of the word that is its unit. */
  readonly unitAt: number | undefined;
  /** As it is written. */
  readonly text: string;
  /** Of dates: year, month, day, as far as they are told. */
  readonly date: DateParts | undefined;
}

export interface DateParts {
  readonly year: number | undefined;
  readonly month: number | undefined;
  readonly day: number | undefined;
}

const SMALL =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const ORDINALS = 'zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth'.split(' ');
const WORD_VALUES: ReadonlyMap<string, number> = new Map([
  ...SMALL.map((word, value): [string, number] => [word, value]),
  ...TENS.map((word, at): [string, number] => [word, 20 + at * 10]),
  ['dozen', 12],
  ['once', 1],
  ['twice', 2],
]);
const ORDINAL_VALUES: ReadonlyMap<string, number> = new Map(
  ORDINALS.map((word, value): [string, number] => [word, value]),
);
const TIMES: ReadonlyMap<string, number> = new Map([
  ['hundred', 100],
  ['thousand', 1000],
  ['k', 1000],
  ['million', 1e6],
  ['m', 1e6],
  ['mn', 1e6],
  ['billion', 1e9],
  ['bn', 1e9],
  ['b', 1e9],
  ['trillion', 1e12],
]);
const MONTHS = 'january february march april may june july august september october november december'.split(' ');
const MONTH_OF: ReadonlyMap<string, number> = new Map([
  ...MONTHS.map((name, at): [string, number] => [name, at + 1]),
  ...MONTHS.map((name, at): [string, number] => [name.slice(0, 3), at + 1]),
  ['sept', 9],
]);

/** Dimension, and how many of its base unit. */
const UNITS: ReadonlyMap<string, readonly [string, number]> = new Map(
  Object.entries({
    time: {
      millisecond: 0.001,
      ms: 0.001,
      second: 1,
      sec: 1,
      minute: 60,
      min: 60,
      hour: 3600,
      hr: 3600,
      h: 3600,
      day: 86_400,
      week: 604_800,
      fortnight: 1_209_600,
      month: 2_629_800,
      year: 31_557_600,
      yr: 31_557_600,
      decade: 315_576_000,
      century: 3_155_760_000,
      centuries: 3_155_760_000,
    },
    length: {
      mm: 0.001,
      millimeter: 0.001,
      millimetre: 0.001,
      cm: 0.01,
      centimeter: 0.01,
      centimetre: 0.01,
      meter: 1,
      metre: 1,
      km: 1000,
      kilometer: 1000,
      kilometre: 1000,
      inch: 0.0254,
      inches: 0.0254,
      foot: 0.3048,
      feet: 0.3048,
      ft: 0.3048,
      yard: 0.9144,
      mile: 1609.344,
      mi: 1609.344,
    },
    weight: {
      mg: 0.000_001,
      gram: 0.001,
      g: 0.001,
      kg: 1,
      kilogram: 1,
      kilo: 1,
      tonne: 1000,
      ton: 1000,
      pound: 0.453_592,
      lb: 0.453_592,
      ounce: 0.028_35,
    },
    bytes: { kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 1024, mib: 1_048_576, gib: 1_073_741_824, byte: 1 },
    '%': { percent: 1, percentage: 1, '%': 1 },
    $: { dollar: 1, usd: 1, $: 1, cent: 0.01 },
    '€': { euro: 1, eur: 1, '€': 1 },
    '£': { gbp: 1, '£': 1, sterling: 1 },
    '°': { degree: 1, celsius: 1, fahrenheit: 1, '°': 1 },
    clock: { am: 1, pm: 12 },
  }).flatMap(([dimension, units]) =>
    Object.entries(units).map(([unit, factor]): [string, readonly [string, number]] => [unit, [dimension, factor]]),
  ),
);
type Unit = readonly [dimension: string, factor: number, at?: number];
const unitOf = (word: string): readonly [string, number] | undefined =>
  UNITS.get(word) ?? (word.endsWith('s') ? UNITS.get(word.slice(0, -1)) : undefined);

/** So far behind its number may a unit stand: "five working days". */
const UNIT_WITHIN = 2;
const ISO_DATE = /^(\d{4})-(\d{1,2})-(\d{1,2})$/;
const LAST_CHAR = /[$€£¥]\s?$/;
const FIRST_CHAR = /^\s?[%°]/;

interface Read {
  readonly value: number;
  /** Tokens that it takes. */
  readonly taken: number;
  readonly isOrdinal: boolean;
  /** Unit that is written onto it. */
  readonly suffix: string;
  readonly isWord: boolean;
}

export function figuresOf(part: string, raw: readonly Raw[], tokens: readonly Token[]): readonly Figure[] {
  if (!tokens.some(mayCount)) return NONE;
  const figures: Figure[] = [];
  const used = new Set<number>();
  tokens.forEach((token, at) => {
    const month = token.text === 'may' && !/^M/.test(raw[at]?.text ?? '') ? undefined : MONTH_OF.get(token.text);
    if (month === undefined || (token.text.length < 4 && !isFigure(tokens[at + 1]) && !isFigure(tokens[at - 1])))
      return;
    const date = dateAround(tokens, at, month, used);
    if (token.text === 'may' && date.day === undefined && date.year === undefined) return;
    // "march" is a verb, too.
    if (token.text === 'march' && date.day === undefined && date.year === undefined && token.name === 'no') return;
    figures.push(dateFigure(at, date, token.text));
    used.add(at);
  });
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === undefined || !mayCount(token) || used.has(at)) continue;
    const iso = ISO_DATE.exec(token.text);
    if (iso !== null) {
      figures.push(dateFigure(at, { year: Number(iso[1]), month: Number(iso[2]), day: Number(iso[3]) }, token.text));
      continue;
    }
    if (token.isNumber && /\d-\d/.test(token.text)) {
      const marked = markOf(part, raw, at);
      for (const end of token.text.split('-')) {
        const value = amountOf(end.replace(/\p{L}+$/u, ''));
        if (value !== undefined)
          figures.push(numberFigure(at, { value, dimension: marked ?? unitBehind(tokens, at + 1), text: end }));
      }
      continue;
    }
    const read = numberAt(tokens, at);
    if (read === undefined) continue;
    const marked = markOf(part, raw, at) ?? markAfter(part, raw[at + read.taken - 1]);
    const dimension =
      marked ?? (unitOf(read.suffix) || (read.isOrdinal ? undefined : unitBehind(tokens, at + read.taken)));
    if (isYear(token, read) && dimension === undefined) {
      figures.push(dateFigure(at, { year: read.value, month: undefined, day: undefined }, token.text));
      continue;
    }
    // "one of them", "the second": no figures.
    if (!(read.isWord && (read.value < 2 || read.isOrdinal) && dimension === undefined)) {
      figures.push(numberFigure(at, { value: read.value, dimension, text: token.text }));
    }
    at += read.taken - 1;
  }
  return figures;
}

const NONE: readonly Figure[] = [];
const COUNTING = new Set([...WORD_VALUES.keys(), ...ORDINAL_VALUES.keys(), ...TIMES.keys(), ...MONTH_OF.keys()]);
const mayCount = ({ isNumber, text }: Token): boolean => isNumber || COUNTING.has(text);

const isFigure = (token: Token | undefined): boolean => token?.isNumber === true;

const isYear = (token: Token, { value, suffix }: Read): boolean =>
  /^\d{4}s?$/.test(token.text) && value >= 1000 && value <= 2100 && (suffix === '' || suffix === 's');

function dateAround(tokens: readonly Token[], at: number, month: number, used: Set<number>): DateParts {
  let day: number | undefined;
  let year: number | undefined;
  const numberOf = (place: number): number | undefined => {
    const match = /^(\d{1,4})(?:st|nd|rd|th)?$/.exec(tokens[place]?.text ?? '');
    return match === null ? undefined : Number(match[1]);
  };
  const take = (place: number): void => {
    const value = numberOf(place);
    if (value === undefined || used.has(place)) return;
    if (value >= 1 && value <= 31 && day === undefined) day = value;
    else if (value >= 1000 && value <= 2100 && year === undefined) year = value;
    else return;
    used.add(place);
  };
  take(at - 1);
  if (day === undefined && tokens[at - 1]?.text === 'of') take(at - 2);
  take(at + 1);
  if (year === undefined && numberOf(at + 1) !== undefined) take(at + 2);
  return { year, month, day };
}

function dateFigure(at: number, date: DateParts, text: string): Figure {
  const keys = [
    ...(date.year !== undefined ? [`y:${date.year}`] : []),
    ...(date.month !== undefined ? [`m:${date.month}`] : []),
    ...(date.month !== undefined && date.day !== undefined ? [`d:${date.month}-${date.day}`] : []),
  ];
  return { at, kind: 'date', keys, dimension: 'date', unitAt: undefined, text, date };
}

interface Quantity {
  readonly value: number;
  readonly dimension: Unit | undefined;
  readonly text: string;
}

function numberFigure(at: number, { value, dimension, text }: Quantity): Figure {
  const keys = [
    ...(dimension !== undefined
      ? [`${dimension[0]}:${rounded(dimension[0] === 'clock' ? value : value * dimension[1])}`]
      : []),
    `n:${rounded(value)}`,
  ];
  return { at, kind: 'number', keys, dimension: dimension?.[0], unitAt: dimension?.[2], text, date: undefined };
}

/** Twelve months are a year, and floating point no reason why not. */
const rounded = (value: number): string => value.toPrecision(5);

function markOf(part: string, raw: readonly Raw[], at: number): readonly [string, number] | undefined {
  const { text, at: place } = raw[at] ?? { text: '', at: 0 };
  const before = LAST_CHAR.exec(part.slice(Math.max(0, place - 2), place))?.[0].trim();
  if (before !== undefined) return UNITS.get(before);
  return markAfter(part, { text, at: place });
}

function markAfter(part: string, token: Raw | undefined): readonly [string, number] | undefined {
  if (token === undefined) return undefined;
  const end = token.at + token.text.length;
  const mark = FIRST_CHAR.exec(part.slice(end, end + 2))?.[0].trim() ?? part.slice(end, end + 2).trim();
  return /^[%°€£$]/.test(mark) ? UNITS.get(mark.charAt(0)) : undefined;
}

function unitBehind(tokens: readonly Token[], from: number): Unit | undefined {
  for (let at = from; at < Math.min(tokens.length, from + UNIT_WITHIN); at += 1) {
    const token = tokens[at];
    if (token === undefined || token.isNumber) return undefined;
    const unit = token.text === 'm' || token.text === 's' ? undefined : unitOf(token.text);
    if (unit !== undefined) return [...unit, at];
    if (token.prior === 0 && token.text !== 'per') return undefined;
    if (token.text === 'per' && tokens[at + 1]?.text === 'cent') return ['%', 1, at + 1];
  }
  return undefined;
}

function numberAt(tokens: readonly Token[], at: number): Read | undefined {
  const token = tokens[at];
  if (token === undefined) return undefined;
  const word = WORD_VALUES.get(token.text);
  const ordinal = ORDINAL_VALUES.get(token.text);
  let value: number;
  let suffix = '';
  let taken = 1;
  let isOrdinal = false;
  if (token.isNumber) {
    const digits = /^[\p{N}.,:/]+/u.exec(token.text)?.[0] ?? '';
    suffix = token.text.slice(digits.length);
    const parsed = amountOf(digits);
    if (parsed === undefined) return undefined;
    value = parsed;
    isOrdinal = /^(?:st|nd|rd|th)$/.test(suffix);
    const times = TIMES.get(suffix);
    if (times !== undefined) value *= times;
  } else if (word !== undefined) {
    value = word;
    const next = WORD_VALUES.get(tokens[at + 1]?.text ?? '');
    if (value >= 20 && value % 10 === 0 && next !== undefined && next > 0 && next < 10) {
      value += next;
      taken = 2;
    }
  } else if (ordinal !== undefined) {
    value = ordinal;
    isOrdinal = true;
  } else if (token.text === 'hundred' || token.text === 'thousand' || token.text === 'million') {
    value = 1;
    taken = 0;
  } else return undefined;
  for (let times = TIMES.get(tokens[at + taken]?.text ?? ''); times !== undefined && !isOrdinal; ) {
    value *= times;
    taken += 1;
    times = TIMES.get(tokens[at + taken]?.text ?? '');
  }
  return { value, taken: Math.max(1, taken), isOrdinal, suffix, isWord: !token.isNumber };
}

/** "1,200.50", "1.5", "9:30"; a comma before other than three digits is a decimal one. */
function amountOf(digits: string): number | undefined {
  const plain = /^\d{1,3}(?:,\d{3})+(?:\.\d+)?$/.test(digits)
    ? digits.replaceAll(',', '')
    : digits.replace(/[:,](?=\d+$)/, '.');
  const value = Number(plain);
  return Number.isFinite(value) ? value : undefined;
}
