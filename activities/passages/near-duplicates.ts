// Which found texts say the same as one before them. Pure; compares words, and knows nothing of stores or runs.
// Source: resemblance of shingles; Broder, "On the resemblance and containment of documents", 1997.

/** Words a shingle. */
const SHINGLE = 3;
/** Share of the shorter text's shingles that the other has. Below it two texts tell different things. */
const MIN_CONTAINMENT = 0.9;
/** A word that turns a sentence round, in the languages that shipped analyzers read. */
const NEGATION = /^(?:no|not|non|never|none|nor|neither|without|cannot|except|unless|\p{L}+n't)$/u;

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
 * Drops what repeats a better ranked text: nine in ten of the shorter one's shingles are in the other, and both have the
 * same figures and the same negations. Two versions of a rule that differ in a number or a "not" are both kept: which
 * of them holds is not decided here.
 *
 * @param texts best first
 */
export function dropNearDuplicates(texts: readonly ComparedText[]): Deduplicated {
  const prints = texts.map(({ text }) => fingerprint(text));
  const kept: number[] = [];
  const dropped: { index: number; of: number }[] = [];
  texts.forEach(({ stale }, index) => {
    const print = prints[index];
    if (print === undefined) return;
    const at = kept.findIndex((other) => isSame(print, prints[other]));
    const other = kept[at];
    if (other === undefined) {
      kept.push(index);
    } else if (texts[other]?.stale === true && !stale) {
      kept[at] = index;
      dropped.push({ index: other, of: index });
    } else {
      dropped.push({ index, of: other });
    }
  });
  return { kept, dropped };
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
  const telling = words.filter((word) => /\p{N}/u.test(word) || NEGATION.test(word)).sort();
  return { shingles, telling: telling.join(' ') };
}

function isSame(one: Fingerprint, other: Fingerprint | undefined): boolean {
  if (other === undefined || one.telling !== other.telling) return false;
  const [small, large] =
    one.shingles.size <= other.shingles.size ? [one.shingles, other.shingles] : [other.shingles, one.shingles];
  let shared = 0;
  for (const shingle of small) if (large.has(shingle)) shared += 1;
  return shared >= MIN_CONTAINMENT * small.size;
}
