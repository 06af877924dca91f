// What a sentence says otherwise than the passages: figures, names, and who is what to whom. Pure.
import type { Item } from './align.ts';
import { bindingOf } from './binding.ts';
import type { Figure } from './figures.ts';
import type { Grounds } from './grounds.ts';
import { isContent } from './grounds.ts';
import { polarityOf } from './polarity.ts';
import type { Token } from './tokens.ts';
import type { Compared, Mismatch, View } from './view.ts';
import { NEAR, regionOf } from './view.ts';

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
  const all = [...figures(view), ...names(view), ...polarityOf(view), ...swaps(view)];
  // What is told already is not told again in other words.
  return all.some(({ kind }) => kind === 'swap' || kind === 'number') ? all : [...all, ...bindingOf(view)];
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
