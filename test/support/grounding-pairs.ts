// Claims about texts of our own, labelled by whether the text says so: written by hand, taken over in several ways, and changed in what
// they say. Seeded: the same pairs in each run. Texts are parted into dev, which the score was made by, and test, which it was not.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { termId } from '../../activities/sparse/term-id.ts';
import type { Change, Random } from './grounding-changes.ts';
import { CHANGED, KEPT, pick } from './grounding-changes.ts';
import { createRandom } from './random-vectors.ts';
import { readCorpus } from './shared-data.ts';

export interface GroundingPair {
  readonly id: string;
  readonly split: 'dev' | 'test';
  readonly context: string;
  readonly claim: string;
  /** 1: the context says so. */
  readonly label: 0 | 1;
  /** How the claim was made. */
  readonly kind: string;
}

interface Text {
  readonly id: string;
  readonly split: 'dev' | 'test';
  readonly context: string;
  readonly sentences: readonly string[];
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SAMPLES = 'examples/knowledge-base/refund-policy';
const WRITTEN = join(ROOT, 'test/support/grounding-texts');
const WRITTEN_KINDS: Readonly<Record<string, { readonly label: 0 | 1; readonly kind: string }>> = {
  '+': { label: 1, kind: 'written: supported' },
  '~': { label: 0, kind: 'written: partly supported' },
  '-': { label: 0, kind: 'written: unsupported' },
};

/** Each second text is for tests. */
const splitOf = (index: number): Text['split'] => (index % 2 === 0 ? 'dev' : 'test');

/** Claims written by hand, with their texts. The folder has one file a register; a text is a title, a paragraph, and a line a claim. */
export function* writtenPairs(): Generator<GroundingPair, void> {
  for (const file of readdirSync(WRITTEN).sort()) {
    const register = file.replace('.txt', '');
    for (const [index, text] of readTexts(file).entries()) {
      for (const [line, { sign, claim }] of text.claims.entries()) {
        const made = WRITTEN_KINDS[sign];
        if (made === undefined) throw new Error(`No such sign: ${sign}`);
        const id = `${register}/${index}/${line}`;
        yield {
          id,
          split: splitOf(index),
          context: text.context,
          claim,
          label: made.label,
          kind: `${made.kind} (${register})`,
        };
      }
    }
  }
}

/** Answers to questions about the sample documents, against near misses: each over its whole document, as the only passage. */
export function* answerPairs(): Generator<GroundingPair, void> {
  const blocks = readFileSync(join(ROOT, 'test/support/grounding-answers.txt'), 'utf8').split(/^# /m).slice(1);
  for (const block of blocks) {
    const [head = '', ...lines] = block.trim().split('\n');
    const [split, name = ''] = head.split(' ');
    if (split !== 'dev' && split !== 'test') throw new Error(`No such split: ${head}`);
    const context = withoutHead(readFileSync(join(ROOT, SAMPLES, name), 'utf8'));
    for (const [line, text] of lines.entries()) {
      const label = text.startsWith('+') ? 1 : 0;
      yield { id: `${name}/${line}`, split, context, claim: text.slice(2), label, kind: `answer: ${label}` };
    }
  }
}

const withoutHead = (text: string): string => text.replace(/^---\n[\s\S]*?\n---\n/, '');

function readTexts(file: string): { context: string; claims: { sign: string; claim: string }[] }[] {
  return readFileSync(join(WRITTEN, file), 'utf8')
    .split(/^# .*\n/m)
    .slice(1)
    .map((block) => {
      const [context = '', ...lines] = block.trim().split('\n');
      return { context, claims: lines.map((line) => ({ sign: line.charAt(0), claim: line.slice(2) })) };
    });
}

/** Claims made of the sentences of our texts, of the sample documents, of the project's documents, and of abstracts where there are any. */
export function* madePairs(cranfield?: string): Generator<GroundingPair, void> {
  yield* pairsOf(writtenTexts(), { random: createRandom(11), most: 8 });
  yield* pairsOf(filesOf(SAMPLES), { random: createRandom(12), most: 4 });
  yield* pairsOf(filesOf('docs'), { random: createRandom(13), most: 1 });
  if (cranfield !== undefined) yield* pairsOf(abstractsOf(cranfield), { random: createRandom(14), most: 2 });
}

function* writtenTexts(): Generator<Text, void> {
  for (const file of readdirSync(WRITTEN).sort()) {
    if (file === 'dialogue.txt') continue;
    for (const [index, { context }] of readTexts(file).entries()) {
      yield { id: `${file}/${index}`, split: splitOf(index), context, sentences: sentencesOf(context) };
    }
  }
}

function* filesOf(folder: string): Generator<Text, void> {
  const names = readdirSync(join(ROOT, folder)).filter((name) => /\.(?:md|txt)$/.test(name));
  for (const name of names.sort()) {
    const text = withoutHead(readFileSync(join(ROOT, folder, name), 'utf8'));
    // By its name: another file beside it must not move it to the other side. A section is what a retriever would give.
    for (const [at, context] of text.split(/^(?=## )/m).entries()) {
      yield { id: `${name}/${at}`, split: splitOf(termId(name)), context, sentences: sentencesOf(context) };
    }
  }
}

const MOST_ABSTRACTS = 200;

function* abstractsOf(folder: string): Generator<Text, void> {
  const documents = readCorpus(folder).documents.filter(({ text }) => text.length > 600 && text.length < 2500);
  for (const [index, { id, text }] of documents.slice(0, MOST_ABSTRACTS).entries()) {
    const sentences = text.split(/(?<= \.) /).filter((sentence) => sentence.length > 40 && sentence.length < 300);
    yield { id: `cranfield/${id}`, split: splitOf(index), context: text, sentences };
  }
}

/** Sentences that stand on their own: no heading, no item, no row of a table. */
const sentencesOf = (context: string): string[] =>
  (context.match(/(?<=^|[.!?]\s)\p{Lu}[^.!?|#\n*`[\]]{25,300}[.!?](?=\s|$)/gmu) ?? []).filter(
    (sentence) => !sentence.includes('|'),
  );

interface Making {
  readonly random: Random;
  /** Changes of each label made to a sentence. */
  readonly most: number;
}

function* pairsOf(texts: Iterable<Text>, { random, most }: Making): Generator<GroundingPair, void> {
  for (const { id, split, context, sentences } of texts) {
    const flat = context.replace(/\s+/g, ' ').toLowerCase();
    for (const [at, sentence] of sentences.entries()) {
      const others = sentences.filter((other) => other !== sentence);
      for (const [label, changes] of [
        [1, KEPT],
        [0, CHANGED],
      ] as const) {
        const made: GroundingPair[] = [];
        for (const [kind, change] of shuffled(Object.entries(changes), random)) {
          if (made.length >= most) break;
          const claim = change({ sentence, others, random });
          // A change may give what stands elsewhere in the text.
          if (claim === undefined || (label === 0 && flat.includes(claim.toLowerCase().replace(/\W+$/, '')))) continue;
          made.push({ id: `${id}/${at}/${kind}`, split, context, claim, label, kind });
        }
        yield* made;
      }
      if (others.length < 3) continue;
      // What its neighbour says stands in the text no more.
      const rest = context.replace(sentence, ' ');
      if (!rest.includes(sentence))
        yield { id: `${id}/${at}/near`, split, context: rest, claim: sentence, label: 0, kind: 'of the same topic' };
    }
  }
}

function shuffled(entries: readonly [string, Change][], random: Random): readonly [string, Change][] {
  const left = [...entries];
  const order: [string, Change][] = [];
  while (left.length > 0) {
    const next = pick(random, left);
    order.push(next);
    left.splice(left.indexOf(next), 1);
  }
  return order;
}
