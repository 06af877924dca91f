// How good the engine's rankings of a test collection are, beside those of bm25s, and where the two differ.
import { basename } from 'node:path';
import { BM25 } from '../../activities/sparse/bm25.ts';
import { english } from '../../activities/sparse/english.ts';
import type { BeirCollection, BeirDocument } from '../../evals/beir.ts';
import { readBeir } from '../../evals/beir.ts';
import type { RankingScores } from '../../evals/metrics.ts';
import { meanScores, scoreRanking } from '../../evals/metrics.ts';
import { evaluateRetrieval, searchedText } from '../../evals/retrieval.ts';
import type { ThrowAwayStore } from '../../evals/throw-away.ts';
import { withThrowAway } from '../../evals/throw-away.ts';
import { median, sum } from '../statistics.ts';
import { edgeTexts } from './edge-texts.ts';
import { createRandom } from './random.ts';
import { runReference } from './reference.ts';

const DEPTH = 1000;

export interface QualityRow {
  readonly name: string;
  readonly metrics: RankingScores;
  readonly documentsPerSecond: number;
  readonly searchP50Ms: number;
}

export interface QualityReport {
  readonly dataset: string;
  readonly documents: number;
  readonly queries: number;
  readonly rows: readonly QualityRow[];
  /** Absent without bm25s. */
  readonly differences?: {
    /** Queries whose first ten are not the same ten in the same order. */
    readonly rankings: number;
    /** Texts of the collection, and those with other tokens. */
    readonly texts: number;
    readonly textsThatDiffer: number;
    /** Generated hard texts of characters that the reference's Unicode has, and those with other tokens. */
    readonly edgeTexts: number;
    readonly edgeTextsThatDiffer: number;
    readonly unicode: { readonly ours: string; readonly reference: string };
  };
}

export interface QualityOptions {
  readonly folder: string;
  readonly stores: readonly ThrowAwayStore[];
  /** A Python that has bm25s. */
  readonly python: string | undefined;
}

export async function measureQuality({ folder, stores, python }: QualityOptions): Promise<QualityReport> {
  const collection = await readBeir(folder);
  const rows: QualityRow[] = [];
  const rankings = new Map<string, readonly string[]>();
  let documents = 0;
  const withFeedback = stores.slice(0, 1).map((store) => ({ store, feedback: 'rm3' as const }));
  for (const { store, feedback } of [...stores.map((store) => ({ store, feedback: undefined })), ...withFeedback]) {
    const report = await withThrowAway(store, (vectors, generation) =>
      evaluateRetrieval({
        collection,
        store: vectors,
        generation,
        bm25: BM25,
        feedback,
        onRanking: (query, ranking) => feedback ?? rankings.set(query, ranking),
      }),
    );
    documents = report.documents;
    const { documentsPerSecond, searchP50Ms } = report.speed;
    rows.push({
      name: [report.store, feedback].filter(Boolean).join(', '),
      metrics: report.metrics,
      documentsPerSecond,
      searchP50Ms,
    });
  }
  const common = { dataset: basename(folder), documents, queries: collection.queries.length };
  if (python === undefined) return { ...common, rows };
  const { row, differences } = await compare(collection, rankings, python);
  return { ...common, rows: [...rows, row], differences };
}

async function compare(
  collection: BeirCollection,
  ours: ReadonlyMap<string, readonly string[]>,
  python: string,
): Promise<Required<Pick<QualityReport, 'differences'>> & { readonly row: QualityRow }> {
  const documents: BeirDocument[] = [];
  for await (const document of collection.documents()) documents.push(document);
  const corpus = documents.map(searchedText);
  const queries = collection.queries.map((query) => query.text);
  const extra = edgeTexts(createRandom(1));
  const reference = await runReference(python, { ...BM25, corpus, queries, extra, depth: DEPTH });

  const theirs = reference.rankings.map((positions) => positions.map((at) => documents[at]?.id ?? ''));
  const judged = collection.queries.map(({ id }, at) => {
    return scoreRanking(theirs[at] ?? [], collection.judgements.get(id) ?? new Map());
  });
  const top = (ranking: readonly string[] = []): string => JSON.stringify(ranking.slice(0, 10));
  const known = extra.filter((_, at) => reference.extra[at] !== null);
  return {
    row: {
      name: `bm25s ${reference.version}`,
      metrics: meanScores(judged),
      documentsPerSecond: Math.round((documents.length / reference.indexMs) * 10_000) / 10,
      searchP50Ms: Math.round(median(reference.searchMs) * 100) / 100,
    },
    differences: {
      rankings: sum(collection.queries.map(({ id }, at) => (top(ours.get(id)) === top(theirs[at]) ? 0 : 1))),
      texts: corpus.length + queries.length,
      textsThatDiffer: otherTokens([...corpus, ...queries], reference.tokens),
      edgeTexts: known.length,
      edgeTextsThatDiffer: otherTokens(
        known,
        reference.extra.filter((tokens) => tokens !== null),
      ),
      unicode: { ours: process.versions['unicode'] ?? 'unknown', reference: reference.unicode },
    },
  };
}

/** How many texts have other tokens than the reference found. */
const otherTokens = (texts: readonly string[], reference: readonly (readonly string[])[]): number =>
  texts.filter((text, at) => english.terms(text).join(' ') !== reference[at]?.join(' ')).length;
