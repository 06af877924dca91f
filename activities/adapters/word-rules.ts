// Moderation by a list of words and topics, offline: whole words and phrases, whatever their case and accents. It knows words and not what is meant by them.
// Linear in the text: each word is looked up in a tree, as deep as the longest phrase.
import type { Moderated, Moderation } from '../ports/moderation.ts';
import { byScore, requireFew } from '../ports/moderation.ts';
import { createSlices } from '../slices.ts';
import { wordsOf } from '../validation/words.ts';

export interface WordRule {
  readonly category: string;
  /** Words or phrases; of a phrase, what stands between words does not matter. */
  readonly words: readonly string[];
  /** What the category scores where one of them stands, more than 0 and at most 1. @default 1 */
  readonly score?: number;
}

export interface WordRulesOptions {
  /** For people. @default word-rules */
  readonly label?: string;
  /** Reads figures and signs as the letters they look like, too: "v1agr4". @default false */
  readonly leetspeak?: boolean;
}

const MAX_PHRASE_WORDS = 12;

interface Node {
  readonly next: Map<string, Node>;
  /** Categories of what ends here, with their scores. */
  readonly ends: Map<string, number>;
}

/** @throws Error for a rule that could never match, or that scores nothing */
export function createWordRules(rules: readonly WordRule[], options: WordRulesOptions = {}): Moderation {
  const { label = 'word-rules', leetspeak = false } = options;
  const plain = treeOf(rules, foldWords);
  const leet = leetspeak ? treeOf(rules, (text) => readLeet(foldWords(text))) : undefined;
  const categories = [...new Set(rules.map(({ category }) => category))];
  return {
    label,
    free: true,
    async moderate(texts, signal) {
      requireFew(label, texts);
      const slices = createSlices();
      const moderated: Moderated[] = [];
      for (const text of texts) {
        const scores = new Map(categories.map((name): [string, number] => [name, 0]));
        const folded = foldWords(text);
        const readings = leet === undefined ? [] : [{ words: wordsOf(readLeet(folded)), tree: leet }];
        for (const { words, tree } of [{ words: wordsOf(folded), tree: plain }, ...readings]) {
          for (const found of endsIn(words, tree)) {
            for (const [name, score] of found ?? []) scores.set(name, Math.max(score, scores.get(name) ?? 0));
            signal.throwIfAborted();
            const turn = slices.next();
            if (turn !== undefined) await turn;
          }
        }
        moderated.push(moderatedBy(scores));
      }
      return moderated;
    },
  };
}

function moderatedBy(scores: ReadonlyMap<string, number>): Moderated {
  const categories = byScore([...scores].map(([name, score]) => ({ name, score })));
  return { flagged: categories.some(({ score }) => score > 0), categories };
}

const newNode = (): Node => ({ next: new Map(), ends: new Map() });

function treeOf(rules: readonly WordRule[], foldText: (text: string) => string): Node {
  const root = newNode();
  for (const { category, words, score = 1 } of rules) {
    if (!(score > 0 && score <= 1)) throw new Error(`The score of ${category} must be more than 0 and at most 1`);
    for (const phrase of words) {
      const parts = [...wordsOf(foldText(phrase))];
      if (parts.length === 0 || parts.length > MAX_PHRASE_WORDS) {
        throw new Error(`A phrase of ${category} must have 1 to ${MAX_PHRASE_WORDS} words: ${JSON.stringify(phrase)}`);
      }
      let node = root;
      for (const part of parts) {
        const next = node.next.get(part) ?? newNode();
        node.next.set(part, next);
        node = next;
      }
      node.ends.set(category, Math.max(score, node.ends.get(category) ?? 0));
    }
  }
  return root;
}

const WORDS_A_PAUSE = 1024;

/** What ends at some word; `undefined` now and then, to pause. */
function* endsIn(words: Iterable<string>, root: Node): Generator<ReadonlyMap<string, number> | undefined, void> {
  /** Phrases that have begun: at most as many as a phrase has words. */
  let begun: Node[] = [];
  let count = 0;
  for (const word of words) {
    count += 1;
    if (count % WORDS_A_PAUSE === 0) yield undefined;
    const going: Node[] = [];
    for (const node of [...begun, root]) {
      const next = node.next.get(word);
      if (next === undefined) continue;
      if (next.ends.size > 0) yield next.ends;
      going.push(next);
    }
    begun = going;
  }
}

const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu;
/** Where marks are accents or vowels that may be left out; elsewhere they are letters. */
const ACCENTS = /(?<=[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Arabic}\p{Script=Hebrew}])\p{M}+/gu;

/** Without case, accents, and what has no width. */
const foldWords = (text: string): string =>
  text.normalize('NFKD').replace(INVISIBLE, '').replace(ACCENTS, '').toLowerCase();

/** l, 1 and | are read as i, in the list as well. */
const LOOKS_LIKE: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '8': 'b',
  '@': 'a',
  $: 's',
  '!': 'i',
  '|': 'i',
  l: 'i',
};

/** A mark of exclamation within a word only. */
const readLeet = (folded: string): string =>
  folded.replace(/[0134578@$|l]|(?<=[\p{L}\p{N}])!(?=[\p{L}\p{N}])/gu, (sign) => LOOKS_LIKE[sign] ?? sign);
