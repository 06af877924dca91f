// Whether a figure, or what is said of a thing, stands with that thing: true words of two statements make an untrue third one. Pure.
import type { Item } from './align.ts';
import type { Token } from './tokens.ts';
import type { Mismatch, View } from './view.ts';

/** Sentences looked at for each word: where more hold it, it tells little. */
const MAX_HOLDING = 100;
/** So much more of the clause must stand with another figure. */
const MARGIN = 0.35;

/** Figures and statements that the passages have of something else. */
export function bindingOf(view: View): readonly Mismatch[] {
  return [...strangers(view), ...borrowed(view)].slice(0, 1);
}

/** A figure whose clause stands in another sentence, with another figure of its kind, more than in any that has the figure. */
function* strangers(view: View): Generator<Mismatch, void> {
  const { items, grounds, sentence } = view;
  for (const [index, { figure, at, token }] of items.entries()) {
    if (figure === undefined || figure.dimension === undefined || isTogether(index, token.part, view)) continue;
    const [key = ''] = figure.keys;
    const own = grounds.figures.get(key);
    if (own === undefined) continue;
    const held = heldBy(items, sentence.tokens[at], view);
    const most = Math.max(0, ...own.slice(0, MAX_HOLDING).map((id) => held.get(id) ?? 0));
    for (const [id, weight] of held) {
      if (weight < most + MARGIN) continue;
      const others = grounds.sentences[id]?.sentence.figures ?? [];
      if (others.some(({ keys }) => keys.includes(key))) continue;
      const rival = others.some(({ kind, dimension }) => kind === figure.kind && dimension === figure.dimension);
      if (!rival) continue;
      yield { kind: 'swap', leaves: 0.55, what: figure.text };
      return;
    }
  }
}

/** All of the clause stands in the sentence of its figure: most often, and no other has to be looked at. */
function isTogether(index: number, part: number, { items, alignment: { places }, passage }: View): boolean {
  const id = passage.sentenceOf[places[index] ?? -1];
  return (
    id !== undefined &&
    items.every((item, at) => item.token.part !== part || passage.sentenceOf[places[at] ?? -1] === id)
  );
}

/** How much of the clause of `token` each sentence holds. */
function heldBy(items: readonly Item[], token: Token | undefined, { grounds }: View): ReadonlyMap<number, number> {
  const held = new Map<number, number>();
  const seen = new Set<string>();
  for (const { stems, weight, token: word } of items) {
    if (word.part !== token?.part) continue;
    const counted = new Set<number>();
    for (const [stem, quality] of stems) {
      if (seen.has(stem)) continue;
      seen.add(stem);
      for (const id of (grounds.holding.get(stem) ?? []).slice(0, MAX_HOLDING)) {
        if (counted.has(id)) continue;
        counted.add(id);
        held.set(id, (held.get(id) ?? 0) + weight * quality);
      }
    }
  }
  return held;
}

/** What tells one thing of a kind from another: before a word that both sentences have, each says whose the statement is. */
const TELLING = new Set(
  'first second third last next further another standard express online single new old original only'.split(' '),
);

/** Such words looked at in one sentence. */
const MAX_TELLING = 4;

/** "The first exchange costs …", where the first one is free and a further one costs. */
function* borrowed(view: View): Generator<Mismatch, void> {
  const { items, alignment, passage, grounds, sentence } = view;
  let looked = 0;
  for (const [at, token] of sentence.tokens.entries()) {
    const head = sentence.tokens[at + 1];
    if (!TELLING.has(token.text) || head === undefined || head.prior === 0) continue;
    if (looked >= MAX_TELLING) return;
    looked += 1;
    const own = sentencesWith(token, head, view);
    if (own.size === 0) continue;
    // "The second exchange is possible, but its label costs …": it need not stand right before.
    const wider = new Set([...own, ...(grounds.holding.get(token.stem) ?? []).slice(0, MAX_HOLDING)]);
    for (const [index, item] of items.entries()) {
      const place = alignment.places[index] ?? -1;
      if (place < 0 || item.at <= at + 1 || item.token.part !== token.part) continue;
      const there = grounds.sentences[passage.sentenceOf[place] ?? -1]?.sentence.tokens ?? [];
      if (
        there.some(({ stem }) => stem === token.stem) ||
        !there.some(({ stem }, where) => stem === head.stem && TELLING.has(there[where - 1]?.text ?? ''))
      )
        continue;
      if (placesOf(item, view).some((id) => wider.has(id))) continue;
      yield { kind: 'swap', leaves: 0.5, what: token.text };
      return;
    }
  }
}

/** Sentences that have both words, the one before the other. */
function sentencesWith(token: Token, head: Token, { grounds }: View): ReadonlySet<number> {
  const holding = (grounds.holding.get(head.stem) ?? []).slice(0, MAX_HOLDING);
  return new Set(
    holding.filter((id) => {
      const tokens = grounds.sentences[id]?.sentence.tokens ?? [];
      return tokens.some(({ stem }, at) => stem === token.stem && tokens[at + 1]?.stem === head.stem);
    }),
  );
}

function placesOf({ figure, stems }: Item, { grounds }: View): readonly number[] {
  const all =
    figure === undefined
      ? stems.map(([stem]) => grounds.holding.get(stem))
      : [grounds.figures.get(figure.keys[0] ?? '')];
  return all.flatMap((ids) => (ids ?? []).slice(0, MAX_HOLDING));
}
