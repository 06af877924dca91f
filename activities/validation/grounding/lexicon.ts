// What is known of a word by itself, looked up once. Pure but for the memory.
import { CLASS_OF, DENYING, isCommon, NEGATORS, STOP_WORDS, stemOf } from './words.ts';

export interface Entry {
  /** Without what marks a possessive. */
  readonly text: string;
  readonly stem: string;
  /** How telling it is before anything is known of the passages: 0 for words that say nothing of their own, up to 1. */
  readonly prior: number;
  readonly isStop: boolean;
  readonly isCommon: boolean;
  readonly isNegator: boolean;
  readonly denies: boolean;
  readonly isNumber: boolean;
  readonly hasFigure: boolean;
  readonly quantifier: string | undefined;
  /** Whether a part of a sentence begins with it, and whether it ends the scope of a negation. */
  readonly joins: 'no' | 'part' | 'clause';
}

const CONJUNCTIONS = new Set('but although though while whereas because unless if when which who'.split(' '));
const JOINTS = new Set('and after before since as where that whose or so until'.split(' '));
const POSSESSIVE = /['’]s?$/;

/** Longer ones are keys and hashes, each of its own. */
const MAX_KEPT_CHARS = 32;
const KEPT = 50_000;
const known = new Map<string, Entry>();

/** @param lower lower-cased, its apostrophes straight */
export function entryOf(lower: string): Entry {
  const kept = known.get(lower);
  if (kept !== undefined) return kept;
  const entry = made(lower);
  if (lower.length > MAX_KEPT_CHARS) return entry;
  if (known.size >= KEPT) known.clear();
  known.set(lower, entry);
  return entry;
}

function made(lower: string): Entry {
  const text =
    lower.length > 2
      ? lower.replace(POSSESSIVE, '').replaceAll('.', (dot) => (/^\p{N}/u.test(lower) ? dot : ''))
      : lower;
  const isNumber = /^\p{N}/u.test(text);
  const isContraction = lower.endsWith("n't");
  const isStop = STOP_WORDS.has(text) || isContraction;
  const stem = isNumber ? text : stemOf(text);
  return {
    text,
    stem,
    prior: isStop ? 0 : priorOf(text, stem),
    isStop,
    isCommon: isCommon(stem),
    isNegator: NEGATORS.has(lower) || isContraction,
    denies: DENYING.has(stem),
    isNumber,
    hasFigure: /\p{N}/u.test(text),
    quantifier: CLASS_OF.get(text),
    joins: CONJUNCTIONS.has(lower) ? 'clause' : JOINTS.has(lower) ? 'part' : 'no',
  };
}

/** Longer words are rarer. */
function priorOf(text: string, stem: string): number {
  if (isCommon(stem)) return 0.45;
  return Math.min(1, 0.6 + 0.07 * Math.max(0, text.length - 2));
}
