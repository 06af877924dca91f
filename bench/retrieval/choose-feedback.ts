// `npm run bench:feedback`: what other settings would gain over plain BM25, chosen by five-fold cross-validation on a test collection.
// Options: --beir DIR. Exit 0 with figures, 64 without a collection.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bm25Settings } from '../../activities/sparse/bm25.ts';
import { BM25 } from '../../activities/sparse/bm25.ts';
import { english } from '../../activities/sparse/english.ts';
import type { FeedbackSettings } from '../../activities/sparse/feedback.ts';
import { withFeedback } from '../../activities/sparse/feedback.ts';
import { termId } from '../../activities/sparse/term-id.ts';
import { alignTable, note, print } from '../../cli/output.ts';
import type { BeirDocument } from '../../evals/beir.ts';
import { readBeir } from '../../evals/beir.ts';
import { scoreRanking } from '../../evals/metrics.ts';
import { searchedText } from '../../evals/retrieval.ts';
import { ROOT } from '../paths.ts';
import type { InMemoryIndex, Scored } from './in-memory-index.ts';
import { createInMemoryIndex, frequenciesOf } from './in-memory-index.ts';

const FOLDS = 5;
const LIMIT = 10;

interface Candidate {
  readonly name: string;
  readonly ask: (question: string) => readonly Scored[];
}

/** Families of settings; of each, the best on four fifths of the queries is judged on the last. */
function families(documents: readonly BeirDocument[]): Readonly<Record<string, readonly Candidate[]>> {
  const texts = documents.map(searchedText);
  const plain = createInMemoryIndex(texts, BM25);
  const plainly = (index: InMemoryIndex) => (question: string) => index.search(frequenciesOf(question), LIMIT);
  const settings = product([3, 5, 10], [10, 20, 40], [0.5, 0.6, 0.7, 0.8]);
  return {
    'plain BM25': [{ name: 'k1 1.2, b 0.75', ask: plainly(plain) }],
    'other k1 and b': product([0.9, 1.2, 1.6, 2.2], [0.5, 0.75, 0.9], [0]).map(([k1, b]) => {
      const bm25: Bm25Settings = { k1, b };
      return { name: `k1 ${k1}, b ${b}`, ask: plainly(createInMemoryIndex(texts, bm25)) };
    }),
    'a heavier title': [1, 2, 3].map((times) => {
      const heavier = documents.map((document) => `${`${document.title} `.repeat(times)}${searchedText(document)}`);
      return { name: `title ${times + 1} times`, ask: plainly(createInMemoryIndex(heavier, BM25)) };
    }),
    'without framing words': [
      {
        name: 'content terms only',
        ask: (question) => {
          const content = new Set([...english.contentTerms(question)].map(termId));
          return plain.search(new Map([...frequenciesOf(question)].filter(([id]) => content.has(id))), LIMIT);
        },
      },
    ],
    'feedback (RM3)': settings.map(([passages, terms, ownWeight]) => ({
      name: `${passages} passages, ${terms} terms, ${ownWeight}`,
      ask: (question) => askAgain(plain, question, { passages, terms, ownWeight }),
    })),
  };
}

function askAgain(index: InMemoryIndex, question: string, settings: FeedbackSettings): readonly Scored[] {
  const frequencies = frequenciesOf(question);
  const first = index.search(frequencies, settings.passages);
  const passages = first.map(({ at, score }) => ({ score, terms: index.terms[at] ?? [] }));
  return index.search(withFeedback(frequencies, passages, settings), LIMIT);
}

function product(as: readonly number[], bs: readonly number[], cs: readonly number[]): [number, number, number][] {
  return as.flatMap((a) => bs.flatMap((b) => cs.map((c): [number, number, number] => [a, b, c])));
}

async function choose(folder: string): Promise<void> {
  const collection = await readBeir(folder);
  const documents: BeirDocument[] = [];
  for await (const document of collection.documents()) documents.push(document);
  /** nDCG@10 of each query. */
  const judged = ({ ask }: Candidate): readonly number[] =>
    collection.queries.map(({ id, text }) => {
      const ranking = ask(text).map(({ at }) => documents[at]?.id ?? '');
      return scoreRanking(ranking, collection.judgements.get(id) ?? new Map())['ndcg@10'];
    });
  const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;
  const rows: string[][] = [['', 'best of all', 'nDCG@10', 'cross-validated', 'gain', '± (1 s.e.)', 'better', 'worse']];
  let base: readonly number[] = [];
  for (const [family, candidates] of Object.entries(families(documents))) {
    note(family);
    const tried = candidates.map((candidate) => ({ name: candidate.name, scores: judged(candidate) }));
    const bestBy = (keep: (query: number) => boolean) =>
      tried.reduce((best, each) => {
        const of = ({ scores }: typeof each): number => mean(scores.filter((_, query) => keep(query)));
        return of(each) > of(best) ? each : best;
      });
    const best = bestBy(() => true);
    const chosen = Array.from({ length: FOLDS }, (_, fold) => bestBy((query) => query % FOLDS !== fold));
    const validated = collection.queries.map((_, query) => chosen[query % FOLDS]?.scores[query] ?? 0);
    if (base.length === 0) base = validated;
    const gains = validated.map((score, query) => score - (base[query] ?? 0));
    const deviation = Math.sqrt(mean(gains.map((gain) => (gain - mean(gains)) ** 2)));
    rows.push([
      family,
      best.name,
      mean(best.scores).toFixed(4),
      mean(validated).toFixed(4),
      mean(gains).toFixed(4),
      (deviation / Math.sqrt(gains.length)).toFixed(4),
      String(gains.filter((gain) => gain > 1e-9).length),
      String(gains.filter((gain) => gain < -1e-9).length),
    ]);
  }
  print(alignTable(rows));
}

const { values } = parseArgs({ options: { beir: { type: 'string' } } });
const folder = values.beir ?? resolve(ROOT, '../shared/data/cranfield');
if (existsSync(folder)) await choose(folder);
else {
  note(`No test collection: there is no ${folder}\nUsage: npm run bench:feedback -- --beir DIR`);
  process.exitCode = 64;
}
