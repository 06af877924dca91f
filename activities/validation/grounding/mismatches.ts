// What a sentence says otherwise than the passages: figures, names, negations, opposites, quantifiers, and who is what to whom. Pure.
import type { Alignment, Item } from './align.ts';
import type { Figure } from './figures.ts';
import type { GroundPassage, Grounds } from './grounds.ts';
import { isContent } from './grounds.ts';
import type { Sentence, Token } from './tokens.ts';
import { ANTONYMS_OF, CONFLICTS, DENYING, SYNONYMS_OF } from './words.ts';

export type ReasonKind =
  | 'number'
  | 'date'
  | 'name'
  | 'negation'
  | 'swap'
  | 'quantifier'
  | 'antonym'
  | 'speaker'
  | 'overlap'
  | 'nothing-asserted';

export interface Mismatch {
  readonly kind: ReasonKind;
  /** What is left of the score, 0–1. */
  readonly leaves: number;
  /** The word or figure in question. */
  readonly what?: string;
}

/** The sentence, what it says, and where that stands. */
export interface Compared {
  readonly sentence: Sentence;
  readonly items: readonly Item[];
  readonly alignment: Alignment;
  readonly grounds: Grounds;
}

interface View extends Compared {
  readonly passage: GroundPassage;
  /** Place in the passage by place in the sentence, of items that are found. */
  readonly found: ReadonlyMap<number, number>;
  /** Place in the sentence by place in the passage. */
  readonly taken: ReadonlyMap<number, number>;
}

/** A word's neighbours are looked at as far as this. */
const NEAR = 5;
const REGION = 14;

export function mismatchesOf(compared: Compared): readonly Mismatch[] {
  const { alignment, grounds, items } = compared;
  const passage = grounds.passages[alignment.window.passage];
  if (passage === undefined) return [];
  const found = new Map<number, number>();
  const taken = new Map<number, number>();
  items.forEach(({ at }, index) => {
    const place = alignment.places[index] ?? -1;
    if (place < 0) return;
    found.set(at, place);
    taken.set(place, at);
  });
  const view: View = { ...compared, passage, found, taken };
  const opposites = antonyms(view);
  return [
    ...figures(view),
    ...names(view),
    ...opposites,
    ...negations(view, opposites.length > 0),
    ...quantifiers(view),
    ...swaps(view),
  ];
}

function* figures(view: View): Generator<Mismatch, void> {
  const { items, alignment } = view;
  for (const [index, { figure, at }] of items.entries()) {
    if (figure === undefined) continue;
    const how = figure.kind === 'date' ? dateSupport(figure, view) : numberSupport(figure, index, view);
    const what = figure.text;
    if (how === 'none') yield { kind: figure.kind, leaves: 0.3, what };
    else if (how === 'parts') yield { kind: figure.kind, leaves: 0.5, what };
    else if ((alignment.places[index] ?? -1) < 0) {
      const region = regionOf(at, view);
      const other = region.some((place) => !view.taken.has(place) && isOtherFigure(place, figure, view));
      if (other) yield { kind: figure.kind, leaves: 0.5, what };
    }
  }
}

type Support = 'window' | 'elsewhere' | 'parts' | 'none';

function numberSupport(figure: Figure, index: number, { alignment, grounds }: View): Support {
  if ((alignment.places[index] ?? -1) >= 0) return 'window';
  const [main = '', plain = ''] = figure.keys;
  if (grounds.figures.has(main)) return 'elsewhere';
  // Without its unit: right where the passages name none there.
  if (plain !== '' && grounds.figures.has(plain)) {
    const dimensions = dimensionsOf(plain, grounds);
    return dimensions.has(undefined) ? 'elsewhere' : 'none';
  }
  return 'none';
}

function dimensionsOf(key: string, { figures: holding, sentences }: Grounds): ReadonlySet<string | undefined> {
  const dimensions = new Set<string | undefined>();
  for (const id of (holding.get(key) ?? []).slice(0, 50)) {
    for (const figure of sentences[id]?.sentence.figures ?? []) {
      if (figure.keys.includes(key)) dimensions.add(figure.dimension);
    }
  }
  return dimensions;
}

function dateSupport(figure: Figure, { grounds }: View): Support {
  const { date } = figure;
  if (date === undefined) return 'none';
  const known = figure.keys.map((key) => grounds.figures.get(key));
  // A year may stand there as a plain number.
  if (known.some((ids) => ids === undefined)) {
    return known.some((ids) => ids !== undefined) && figure.keys.length > 1 ? 'parts' : 'none';
  }
  const [shortest = []] = [...known].sort((a, b) => (a?.length ?? 0) - (b?.length ?? 0));
  const together = shortest
    .slice(0, 200)
    .some((id) =>
      (grounds.sentences[id]?.sentence.figures ?? []).some(({ keys }) =>
        figure.keys.every((key) => keys.includes(key)),
      ),
    );
  return together ? 'window' : 'parts';
}

function isOtherFigure(place: number, figure: Figure, { passage, grounds }: View): boolean {
  const id = passage.sentenceOf[place] ?? -1;
  const sentence = grounds.sentences[id];
  if (sentence === undefined) return false;
  return sentence.sentence.figures.some(
    (other) =>
      other.at === place - sentence.from &&
      other.kind === figure.kind &&
      other.dimension === figure.dimension &&
      other.keys[0] !== figure.keys[0],
  );
}

function* names(view: View): Generator<Mismatch, void> {
  const { items, alignment, passage } = view;
  let missing = 0;
  for (const [index, { isName, stems, at, token }] of items.entries()) {
    if (!isName || (alignment.places[index] ?? -1) >= 0) continue;
    if (stems.length === 0) {
      // Each more says less: one name may have three words.
      missing += 1;
      yield { kind: 'name', leaves: missing > 1 ? 0.85 : token.name === 'yes' ? 0.42 : 0.62, what: token.text };
      continue;
    }
    const replaced = regionOf(at, view, 'between').some(
      (place) => !view.taken.has(place) && passage.tokens[place]?.name === 'yes' && isContent(passage.tokens[place]),
    );
    if (replaced) yield { kind: 'swap', leaves: 0.6, what: token.text };
  }
}

/** What the passage has where the sentence has the word at `at`: between its neighbours that are found, in one sentence of the passage. */
function regionOf(
  at: number,
  { found, passage, sentence, alignment }: View,
  where: 'between' | 'near' = 'near',
): readonly number[] {
  let before: number | undefined;
  let after: number | undefined;
  for (let step = 1; step <= NEAR && before === undefined; step += 1) before = found.get(at - step);
  for (let step = 1; step <= NEAR && after === undefined && at + step < sentence.tokens.length; step += 1)
    after = found.get(at + step);
  let from: number;
  let to: number;
  if (before !== undefined && after !== undefined && after > before && after - before <= REGION) {
    from = before + 1;
    to = after;
  } else if (where === 'between') return [];
  else if (after !== undefined) {
    from = after - NEAR;
    to = after;
  } else if (before !== undefined) {
    from = before + 1;
    to = before + 1 + NEAR;
  } else return [];
  const anchor = passage.sentenceOf[after ?? before ?? 0];
  const places: number[] = [];
  for (let place = Math.max(from, alignment.window.from); place < Math.min(to, alignment.window.to); place += 1) {
    if (passage.sentenceOf[place] === anchor) places.push(place);
  }
  return places;
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

/** A negation on one side only, over words that both have. */
function* negations(view: View, hasOpposites: boolean): Generator<Mismatch, void> {
  const { sentence, passage, alignment, found, taken } = view;
  const window = alignment.window;
  for (const [at, token] of sentence.tokens.entries()) {
    if (!token.isNegator) continue;
    const heads = headsOf(sentence.tokens, at);
    const there = heads.flatMap((head) => found.get(head) ?? []);
    if (there.length === 0) continue;
    if (there.some((place) => isDeniedAround(place, view))) continue;
    // "not open" for "closed".
    if (heads.some((head) => !found.has(head) && hasContraryIn(sentence.tokens[head], view))) continue;
    // The less of it is found, the more likely it is only said in other words.
    yield {
      kind: 'negation',
      leaves: 1 - 0.58 * (there.length / heads.length) * partCoverage(at, view),
      what: token.text,
    };
  }
  if (hasOpposites || sentence.tokens.some(isDenying)) return;
  const places = [...taken.keys()];
  const low = Math.min(...places);
  const high = Math.max(...places);
  for (let at = Math.max(window.from, low - 3); at <= Math.min(high, window.to - 1); at += 1) {
    const token = passage.tokens[at];
    if (token === undefined || !token.isNegator) continue;
    const heads = headsOf(passage.tokens, at).slice(0, 2);
    const [head] = heads;
    if (head === undefined || passage.sentenceOf[head] !== passage.sentenceOf[at]) continue;
    const kept = heads.filter((each) => taken.has(each)).length;
    if (kept === 0) continue;
    if (sentence.tokens.some((each, place) => !found.has(place) && isAntonymOf(each, passage.tokens[head]))) continue;
    yield { kind: 'negation', leaves: kept === heads.length ? 0.48 : 0.8, what: token.text };
  }
}

/** Whether something is denied in the sentence of the passage, near the place. */
function isDeniedAround(place: number, { passage, alignment: { window } }: View): boolean {
  for (let at = Math.max(window.from, place - REGION); at <= Math.min(window.to - 1, place + REGION / 2); at += 1) {
    const token = passage.tokens[at];
    if (token !== undefined && passage.sentenceOf[at] === passage.sentenceOf[place] && isDenying(token)) return true;
  }
  return false;
}

/** How much of the part of the sentence around the word at `at` is found, 0–1. */
function partCoverage(at: number, { sentence, items, found }: View): number {
  const part = sentence.tokens[at]?.clause;
  const own = items.filter((item) => sentence.tokens[item.at]?.clause === part);
  return own.length === 0 ? 0 : own.filter((item) => found.has(item.at)).length / own.length;
}

const isDenying = (token: Token): boolean =>
  token.isNegator || DENYING.has(token.stem) || /^(?:un|non)/.test(token.text);

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
const DIRECTIONS = new Set(['from', 'to', 'by', 'before', 'after', 'over', 'under', 'than', 'for', 'into', 'until']);

/** Two names or figures that have changed places. */
function* swaps(view: View): Generator<Mismatch, void> {
  const { items, alignment, passage, sentence } = view;
  const hard = items.flatMap((item, index) => {
    const place = alignment.places[index] ?? -1;
    return place >= 0 && (item.isName || item.figure !== undefined) ? [{ item, place }] : [];
  });
  for (let index = 0; index + 1 < hard.length; index += 1) {
    const [one, other] = [hard[index], hard[index + 1]];
    if (one === undefined || other === undefined || one.place <= other.place) continue;
    if (passage.sentenceOf[one.place] !== passage.sentenceOf[other.place]) continue;
    const isOneStatement = one.item.token.clause === other.item.token.clause;
    if (isOneStatement && isVerbBetween(view, one.item.at, other.item.at, other.place, one.place)) {
      yield { kind: 'swap', leaves: 0.5, what: one.item.token.text };
      return;
    }
    const directions = [one.item.at, other.item.at].map((at) => directionBefore(sentence.tokens, at));
    const there = [one.place, other.place].map((at) => directionBefore(passage.tokens, at));
    if (
      directions[0] !== directions[1] &&
      directions[0] === there[1] &&
      directions[1] === there[0] &&
      directions[0] !== undefined
    ) {
      yield { kind: 'swap', leaves: 0.5, what: one.item.token.text };
      return;
    }
  }
  yield* unbound(view, hard);
}

function isVerbBetween(view: View, from: number, to: number, there: number, upTo: number): boolean {
  const { sentence, passage, found } = view;
  let shared = false;
  for (let at = from + 1; at < to; at += 1) {
    const place = found.get(at);
    if (place !== undefined && place > there && place < upTo && sentence.tokens[at]?.name === 'no') shared = true;
  }
  if (!shared) return false;
  const passive = sentence.tokens.slice(from + 1, to).some(({ text }) => text === 'by');
  const passiveThere = passage.tokens.slice(there + 1, upTo).some(({ text }) => text === 'by');
  return passive === passiveThere;
}

const directionBefore = (tokens: readonly Token[], at: number): string | undefined => {
  for (let place = at - 1; place >= Math.max(0, at - 3); place -= 1) {
    const text = tokens[place]?.text ?? '';
    if (DIRECTIONS.has(text)) return text;
    if (tokens[place] !== undefined && isContent(tokens[place] as Token) && tokens[place]?.name === 'no')
      return undefined;
  }
  return undefined;
};

interface Hard {
  readonly item: Item;
  readonly place: number;
}

/** A figure or name whose neighbours in the sentence stand, in the passage, around another one of its kind. */
function* unbound(view: View, hard: readonly Hard[]): Generator<Mismatch, void> {
  if (hard.length === 0) return;
  const { passage, alignment, items } = view;
  for (const { item, place } of hard) {
    if (item.figure === undefined) continue;
    const rivals = rivalsOf(item, place, view);
    if (rivals.length === 0) continue;
    let own = 0;
    let best = 0;
    const sums = rivals.map(() => 0);
    items.forEach((other, index) => {
      const at = alignment.places[index] ?? -1;
      if (at < 0 || other.figure !== undefined || Math.abs(other.at - item.at) > NEAR || other.at === item.at) return;
      if (other.isName && item.isName) return;
      if (passage.sentenceOf[at] !== passage.sentenceOf[place]) return;
      const weight = other.weight / Math.abs(other.at - item.at);
      own += weight / Math.max(1, Math.abs(at - place));
      rivals.forEach((rival, which) => {
        sums[which] = (sums[which] ?? 0) + weight / Math.max(1, Math.abs(at - rival));
      });
    });
    best = Math.max(...sums);
    if (own > 0 && best > own * 2) yield { kind: 'swap', leaves: 0.65, what: item.token.text };
  }
}

function rivalsOf(item: Item, place: number, { passage, grounds }: View): readonly number[] {
  const ground = grounds.sentences[passage.sentenceOf[place] ?? -1];
  if (ground === undefined) return [];
  if (item.figure !== undefined) {
    const { kind, dimension, keys } = item.figure;
    return ground.sentence.figures.flatMap((other) =>
      other.kind === kind && other.dimension === dimension && other.keys[0] !== keys[0] ? [ground.from + other.at] : [],
    );
  }
  const rivals: number[] = [];
  ground.sentence.tokens.forEach((token, at) => {
    if (token.name === 'yes' && token.stem !== item.token.stem && Math.abs(ground.from + at - place) > 1)
      rivals.push(ground.from + at);
  });
  return rivals;
}
