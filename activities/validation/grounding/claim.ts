// What a claim says sentence by sentence, without what says nothing of its subject: greetings, courtesies, questions. Pure.
import type { Sliced } from '../../slices.ts';
import { isContent } from './grounds.ts';
import type { Sentence } from './tokens.ts';
import { sentencesIn } from './tokens.ts';
import { COURTESIES, OPENINGS } from './words.ts';

export interface Assertion {
  readonly sentence: Sentence;
  /** Tokens before it are an opening. */
  readonly from: number;
  /** Somebody speaks of themselves, whom the passages may not know. */
  readonly speaks: boolean;
}

/** "[1]" and "[2, 3]" are no figures. */
const CITATIONS = /\[\d{1,3}(?:,\s?\d{1,3}){0,20}\]/g;
const MAX_OPENINGS = 4;
const SPEAKERS = new Set(['i', 'my', 'me', 'mine', 'myself', "i'm", "i've", "i'd", "i'll"]);
const ASKS_WITH_A_FACT = new Set(['that', 'know']);

export function* assertionsOf(claim: string): Sliced<readonly Assertion[]> {
  const assertions: Assertion[] = [];
  for (const sentence of yield* sentencesIn(claim.replace(CITATIONS, ' '))) {
    const assertion = assertionOf(sentence);
    if (assertion !== undefined) assertions.push(assertion);
  }
  return assertions;
}

function assertionOf(sentence: Sentence): Assertion | undefined {
  const { tokens, text } = sentence;
  const words = tokens.map((token) => token.text);
  const from = afterAnnouncement(sentence) ?? openingOf(words);
  const asked = from > 0 && words[0] === 'did' && ASKS_WITH_A_FACT.has(words[from - 1] ?? '');
  if (sentence.isQuestion && !asked) return undefined;
  if (text.endsWith(':') && tokens.length < 12) return undefined;
  if (COURTESIES.some((phrase) => startsWith(words, from, phrase))) return undefined;
  const said = tokens.slice(from);
  if (!said.some(isContent)) return undefined;
  return { sentence, from, speaks: said.some((token) => SPEAKERS.has(token.text)) };
}

/** "Here are the conditions: …" */
function afterAnnouncement({ tokens, text }: Sentence): number | undefined {
  if (tokens[0]?.text !== 'here' || !text.slice(0, 200).includes(':')) return undefined;
  const from = tokens.findIndex((token) => token.clause > 0);
  return from > 0 ? from : undefined;
}

function openingOf(words: readonly string[]): number {
  let from = 0;
  for (let round = 0; round < MAX_OPENINGS; round += 1) {
    const opening = OPENINGS.find((phrase) => startsWith(words, from, phrase));
    if (opening === undefined) break;
    from += opening.length;
  }
  return from;
}

const startsWith = (words: readonly string[], from: number, phrase: readonly string[]): boolean =>
  phrase.every((word, at) => words[from + at] === word);
