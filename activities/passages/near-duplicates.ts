// Which found texts say the same as one before them. Pure; compares words, and knows nothing of stores or runs.
// Source: resemblance and containment of shingles; Broder, "On the resemblance and containment of documents", 1997.

/** Words a shingle. */
const SHINGLE = 3;
/** Share of a text's own shingles that a better ranked one has, for it to be left out. Below it the two tell different things. */
const MIN_CONTAINMENT = 0.9;
/** In a shorter text one word is too large a share to be taken for a slip. */
const MIN_SHINGLES = 10;

/** Words that turn a sentence round, in the languages that shipped analyzers read. */
const NEGATIONS = new Set(
  (
    'no not non never none nor neither without cannot except unless nobody nothing ' +
    'ikke ingen intet aldrig uden heller hverken ' +
    'niet geen nooit niemand niets zonder tenzij noch ' +
    'ei en et emme ette eivät eikä ilman älä älkää mikään kukaan koskaan ' +
    'ne pas plus jamais aucun aucune sans rien personne ni sauf ' +
    'nicht kein keine keinem keinen keiner keines nie niemals niemand nichts ohne außer weder ' +
    'né nessun nessuno nessuna niente mai senza tranne ' +
    'ingenting aldri uten verken unntatt ' +
    'não nem nunca jamais ninguém nenhum nenhuma nada sem exceto ' +
    'ningún ninguno ninguna nada nadie jamás sin tampoco salvo excepto ' +
    'inte icke inga inget aldrig utan varken'
  ).split(' '),
);
const CONTRACTED = /n't$/;

const WORD = /[\p{L}\p{N}][\p{L}\p{N}\p{M}'’.,:/-]*/gu;

export interface ComparedText {
  readonly text: string;
  /** Its document holds no longer: where a duplicate of it still holds, that one is kept in its place. */
  readonly stale: boolean;
}

/** Indexes of what is kept, in order of rank, and what each dropped one is a duplicate of. */
export interface Deduplicated {
  readonly kept: readonly number[];
  readonly dropped: readonly { readonly index: number; readonly of: number }[];
}

/**
 * Drops what a better ranked text says already: all of its shingles are in that one, or nine in ten and both have the same figures and the
 * same negations. A longer text is no duplicate of a shorter one. Two versions of a rule that differ in a number or a "not" are both kept:
 * which of them holds is not decided here.
 *
 * @param texts best first
 */
export function dropNearDuplicates(texts: readonly ComparedText[]): Deduplicated {
  const prints = texts.map(({ text }) => fingerprint(text));
  const isSaidBy = (index: number, other: number): boolean => isSaid(prints[index], prints[other]);
  const kept: number[] = [];
  /** By index: of which it is a duplicate. */
  const dropped = new Map<number, number>();
  texts.forEach(({ stale }, index) => {
    const holds = (other: number): boolean => stale || texts[other]?.stale !== true;
    const other = kept.find((each) => isSaidBy(index, each) && (holds(each) || isSaidBy(each, index)));
    if (other === undefined) {
      kept.push(index);
    } else if (holds(other)) {
      dropped.set(index, other);
    } else {
      kept[kept.indexOf(other)] = index;
      for (const [each, of] of dropped) if (of === other) dropped.set(each, index);
      dropped.set(other, index);
    }
  });
  return {
    kept,
    dropped: [...dropped].map(([index, of]) => ({ index, of })).sort((a, b) => a.index - b.index),
  };
}

interface Fingerprint {
  readonly shingles: ReadonlySet<string>;
  /** Words with a digit, and negations, sorted: each counts. */
  readonly telling: string;
}

function fingerprint(text: string): Fingerprint {
  const words = (text.normalize('NFKC').toLowerCase().match(WORD) ?? []).map((word) =>
    word.replaceAll('’', "'").replace(/['.,:/-]+$/, ''),
  );
  const shingles = new Set<string>();
  for (let at = 0; at + SHINGLE <= words.length; at += 1) shingles.add(words.slice(at, at + SHINGLE).join(' '));
  if (shingles.size === 0) shingles.add(words.join(' '));
  const isTelling = (word: string): boolean => /\p{N}/u.test(word) || NEGATIONS.has(word) || CONTRACTED.test(word);
  return { shingles, telling: words.filter(isTelling).sort().join(' ') };
}

/** Whether `other` says what `one` says. */
function isSaid(one: Fingerprint | undefined, other: Fingerprint | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  let shared = 0;
  for (const shingle of one.shingles) if (other.shingles.has(shingle)) shared += 1;
  if (shared === one.shingles.size) return true;
  return (
    one.shingles.size >= MIN_SHINGLES && shared >= MIN_CONTAINMENT * one.shingles.size && one.telling === other.telling
  );
}
