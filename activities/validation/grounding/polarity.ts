// Opposites, negations, quantifiers and modal verbs: the same words, and something else said. Pure.
import { isContent } from './grounds.ts';
import type { Token } from './tokens.ts';
import type { Mismatch, View } from './view.ts';
import { NEAR, REGION, regionOf } from './view.ts';
import { ANTONYMS_OF, CONFLICTS, DENYING, SYNONYMS_OF } from './words.ts';

/** What is said otherwise in the same words. */
export function polarityOf(view: View): readonly Mismatch[] {
  const opposites = antonyms(view);
  return [...opposites, ...negations(view, opposites.length > 0), ...quantifiers(view)];
}

/** "before" for "after", "closed" for "open"; not where a negation turns it back. */
function antonyms(view: View): Mismatch[] {
  const { sentence, passage, found, taken } = view;
  const mismatches: Mismatch[] = [];
  sentence.tokens.forEach((token, at) => {
    if (token.isNegator || token.isNumber || found.has(at)) return;
    const contrary = ANTONYMS_OF.get(token.stem);
    const isOpposite = (other: Token): boolean =>
      contrary?.has(other.stem) === true || areNegatedForms(token.stem, other.stem);
    if (contrary === undefined && token.stem.length < 5) return;
    const region = regionOf(at, view);
    if (region.some((place) => isSame(passage.tokens[place], token))) return;
    const opposite = region.find((place) => {
      const other = passage.tokens[place];
      return other !== undefined && !taken.has(place) && isOpposite(other);
    });
    if (opposite === undefined) return;
    if ((passage.tokens[opposite]?.denied ?? false) !== token.denied) return;
    mismatches.push({ kind: 'antonym', leaves: 0.42, what: token.text });
  });
  return mismatches;
}

const isSame = (other: Token | undefined, token: Token): boolean =>
  other !== undefined && (other.stem === token.stem || SYNONYMS_OF.get(token.stem)?.has(other.stem) === true);

/** "available" and "unavailable". */
function areNegatedForms(one: string, other: string): boolean {
  if (one.length === other.length) return false;
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  return (
    short.length >= 4 &&
    /^(?:un|in|im|ir|il|non|dis)/.test(long) &&
    long.endsWith(short) &&
    long.length - short.length <= 3
  );
}

/** A negation on one side only, over words that both have: compared clause by clause, whichever side it stands on. */
function* negations(view: View, hasOpposites: boolean): Generator<Mismatch, void> {
  const { sentence, from, passage, alignment, found, taken } = view;
  const window = alignment.window;
  let looked = 0;
  for (const [at, token] of sentence.tokens.entries()) {
    if (at < from || !token.isNegator) continue;
    const heads = headsOf(sentence.tokens, at);
    const there = heads.flatMap((head) => found.get(head) ?? []);
    if (there.length === 0) continue;
    if (there.some((place) => isDeniedThere(place, view))) continue;
    looked += 1;
    if (looked <= MAX_LOOKED && isDeniedElsewhere(at, heads, view)) continue;
    // "not open" for "closed".
    if (heads.some((head) => !found.has(head) && hasContraryIn(sentence.tokens[head], view))) continue;
    // The less of it is found, the more likely it is only said in other words.
    yield {
      kind: 'negation',
      leaves: 1 - 0.58 * (there.length / heads.length) * partCoverage(at, view),
      what: token.text,
    };
  }
  if (hasOpposites) return;
  const places = [...taken.keys()];
  const low = Math.min(...places);
  const high = Math.max(...places);
  for (let at = Math.max(window.from, low - 3); at <= Math.min(high + 3, window.to - 1); at += 1) {
    const token = passage.tokens[at];
    if (token === undefined || !token.isNegator) continue;
    const heads = [...headsOf(passage.tokens, at).slice(0, 2)];
    const [head] = heads;
    if (head === undefined || passage.sentenceOf[head] !== passage.sentenceOf[at]) continue;
    if (heads.length === 1 && ALLOWS.has(passage.tokens[head]?.text ?? '')) heads.splice(0, 1, ...subjectsOf(at, view));
    const kept = heads.filter((each) => taken.has(each));
    if (kept.length === 0) continue;
    if (kept.some((each) => isDeniedHere(taken.get(each) ?? 0, view))) continue;
    if (sentence.tokens.some((each, place) => !found.has(place) && isAntonymOf(each, passage.tokens[head]))) continue;
    yield {
      kind: 'negation',
      leaves:
        kept.length === heads.length
          ? 0.48
          : kept.includes(head) || passage.tokens[head + 1]?.text === 'or'
            ? 0.6
            : 0.8,
      what: token.text,
    };
  }
}

/** Whether something is denied in the sentence of the passage, near the place. What both say denies nothing by itself: "may refuse". */
function isDeniedThere(place: number, { passage, taken, alignment: { window } }: View): boolean {
  for (let at = Math.max(window.from, place - REGION); at <= Math.min(window.to - 1, place + REGION / 2); at += 1) {
    const token = passage.tokens[at];
    if (token === undefined || passage.sentenceOf[at] !== passage.sentenceOf[place]) continue;
    if (token.isNegator || (!taken.has(at) && isDenying(token))) return true;
  }
  return false;
}

/** "An exchange is not possible": denied is what stands before. */
const ALLOWS = new Set(['possible', 'allowed', 'permitted', 'accepted', 'available', 'offered']);

function subjectsOf(at: number, { passage }: View): number[] {
  const subjects: number[] = [];
  const clause = passage.tokens[at]?.clause;
  for (let place = at - 1; place >= at - NEAR && subjects.length < 2; place -= 1) {
    const token = passage.tokens[place];
    if (token === undefined || token.clause !== clause || passage.sentenceOf[place] !== passage.sentenceOf[at]) break;
    if (isContent(token)) subjects.push(place);
  }
  return subjects;
}

/** Of what the clause says, so much must stand where it is denied. */
const DENIED_THERE = 0.6;
/** Sentences looked at, and negations of one claim's sentence that they are looked at for. */
const MAX_DENYING = 40;
const MAX_LOOKED = 3;

/** Whether another sentence denies the same of the same thing: a row of a table has less of the words than a text beside it. */
function isDeniedElsewhere(at: number, heads: readonly number[], { sentence, items, grounds }: View): boolean {
  const clause = sentence.tokens[at]?.clause;
  const own = items.filter(({ token }) => token.clause === clause);
  const all = own.reduce((sum, { weight }) => sum + weight, 0);
  const [head] = own.filter((item) => heads.includes(item.at));
  return (head?.stems ?? []).slice(0, 2).some(([stem]) =>
    (grounds.holding.get(stem) ?? []).slice(0, MAX_DENYING).some((id) => {
      const tokens = grounds.sentences[id]?.sentence.tokens ?? [];
      const place = tokens.findIndex((token) => token.stem === stem);
      if (!tokens.some((token) => token.isNegator && token.clause === tokens[place]?.clause)) return false;
      const stems = new Set(tokens.map((token) => token.stem));
      const held = own.reduce((sum, item) => sum + (item.stems.some(([each]) => stems.has(each)) ? item.weight : 0), 0);
      return held >= DENIED_THERE * all;
    }),
  );
}

/** Whether the claim denies something in the clause of the word at `at`. */
function isDeniedHere(at: number, { sentence, from, found }: View): boolean {
  const clause = sentence.tokens[at]?.clause;
  return sentence.tokens.some(
    (token, place) =>
      place >= from && token.clause === clause && (token.isNegator || (!found.has(place) && isDenying(token))),
  );
}

/** How much of the part of the sentence around the word at `at` is found, 0–1. */
function partCoverage(at: number, { sentence, items, found }: View): number {
  const part = sentence.tokens[at]?.clause;
  const own = items.filter((item) => sentence.tokens[item.at]?.clause === part);
  return own.length === 0 ? 0 : own.filter((item) => found.has(item.at)).length / own.length;
}

const isDenying = (token: Token): boolean =>
  token.isNegator || DENYING.has(token.stem) || (token.prior > 0 && /^(?:un(?!der|i[oqtv])|non)/.test(token.text));

const isAntonymOf = (token: Token, other: Token | undefined): boolean =>
  other !== undefined &&
  (ANTONYMS_OF.get(token.stem)?.has(other.stem) === true || areNegatedForms(token.stem, other.stem));

function hasContraryIn(token: Token | undefined, { passage, alignment: { window } }: View): boolean {
  if (token === undefined) return false;
  for (let place = window.from; place < window.to; place += 1)
    if (isAntonymOf(token, passage.tokens[place])) return true;
  return false;
}

/** Places of what a negation denies: the next words that say something, in its clause. */
function headsOf(tokens: readonly Token[], at: number): number[] {
  const heads: number[] = [];
  const clause = tokens[at]?.clause;
  for (let place = at + 1; place < Math.min(tokens.length, at + 1 + NEAR) && heads.length < 3; place += 1) {
    const token = tokens[place];
    if (token === undefined || token.clause !== clause) break;
    if (isContent(token)) heads.push(place);
  }
  return heads;
}

function* quantifiers(view: View): Generator<Mismatch, void> {
  const { sentence, passage, found, alignment } = view;
  const { window } = alignment;
  const claimed = new Set(sentence.tokens.map(({ quantifier }) => quantifier));
  const inWindow = new Set<string | undefined>();
  for (let place = window.from; place < window.to; place += 1) inWindow.add(passage.tokens[place]?.quantifier);
  for (const [at, token] of sentence.tokens.entries()) {
    const { quantifier } = token;
    if (quantifier === undefined || found.has(at) || inWindow.has(quantifier)) continue;
    const there = regionOf(at, view).flatMap((place) => passage.tokens[place]?.quantifier ?? []);
    if (there.some((other) => CONFLICTS.has(`${quantifier} ${other}`))) {
      yield { kind: 'quantifier', leaves: 0.58, what: token.text };
      return;
    }
    const added = ADDED[quantifier];
    if (added !== undefined && !isOfTime(sentence.tokens[at + 1]))
      yield { kind: 'quantifier', leaves: added, what: token.text };
  }
  // "may", "only" and "tried to" left out: more is said than stands there.
  const places = [...found.values()];
  const low = Math.min(...places);
  const high = Math.max(...places);
  for (let at = Math.max(low - 2, window.from); at < high; at += 1) {
    const token = passage.tokens[at];
    const dropped = DROPPED[token?.quantifier ?? ''];
    if (dropped === undefined || claimed.has(token?.quantifier) || view.taken.has(at)) continue;
    const [head] = headsOf(passage.tokens, at);
    if (head === undefined || !view.taken.has(head)) continue;
    yield { kind: 'quantifier', leaves: dropped, what: token?.text ?? '' };
    return;
  }
}

/** "Each day", "every year". */
const isOfTime = (token: Token | undefined): boolean =>
  token !== undefined && /^(?:day|week|month|year|hour|time|night|morning)/.test(token.text);

/** What is left of the score where the passages have none of the kind. */
const ADDED: Readonly<Record<string, number>> = { all: 0.85, only: 0.95, must: 0.9 };
const DROPPED: Readonly<Record<string, number>> = { may: 0.9, only: 0.92, some: 0.96, must: 0.96, tried: 0.75 };
