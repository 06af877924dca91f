// The way of a question without a stack: documents chunked and encoded in memory, retrieved and judged as `retrieve` does it, assembled,
// answered by local/extractive and validated. For measuring what the model answers and refuses.

import { createExtractiveModel } from '../../activities/adapters/extractive.ts';
import { passagePart } from '../../activities/assemble.ts';
import { chunkDocument, searchableText } from '../../activities/chunking/chunk-document.ts';
import type { DocumentDates } from '../../activities/passage-dates.ts';
import { chooseChunks, passagesOf } from '../../activities/passages/choose-passages.ts';
import type { ScoredChunk } from '../../activities/ports/vector-store.ts';
import { atOnce } from '../../activities/slices.ts';
import { documentVector, idf, queryVector, termFrequencies } from '../../activities/sparse/bm25.ts';
import { coverage } from '../../activities/sparse/coverage.ts';
import { english } from '../../activities/sparse/english.ts';
import { termId } from '../../activities/sparse/term-id.ts';
import { runChecks } from '../../activities/validation/checks.ts';
import type { AskedAnswer } from '../../evals/answers.ts';
import type { Prompt } from '../../workflows/protocol/index.ts';

const TOP_K = 5;
/** As in activities/retrieve.ts. */
const MIN_PASSAGE_COVERAGE = 0.05;
const RULES = { requireCitations: true, refuseIfNotInContext: true };
const NO_DATES = new Map<string, DocumentDates>();

export interface InMemoryDocument {
  readonly id: string;
  readonly text: string;
}

export type Ask = (question: string) => Promise<AskedAnswer>;

interface Encoded {
  readonly chunk: Omit<ScoredChunk, 'score'>;
  readonly terms: ReadonlySet<number>;
  readonly weights: ReadonlyMap<number, number>;
}

/** @param minScore IDF-weighted coverage of the question that the passages must reach, 0–1 */
export function createAsk(documents: readonly InMemoryDocument[], minScore: number, minConfidence?: number): Ask {
  const { chunks, idfOf } = encode(documents);
  const model = createExtractiveModel(minConfidence === undefined ? {} : { minConfidence });
  return async (question) => {
    const began = performance.now();
    const asked = (kind: AskedAnswer['kind'], reason: string, text = ''): AskedAnswer => ({
      kind,
      reason,
      text,
      ms: performance.now() - began,
    });
    const query = queryVector(termFrequencies(english.terms(question)), idfOf);
    const content = new Set([...english.contentTerms(question)].map(termId));
    const ranked = chunks
      .map(({ chunk, terms, weights }) => ({
        chunk,
        terms,
        score: query.ids.reduce((sum, id, at) => sum + (query.weights[at] ?? 0) * (weights.get(id) ?? 0), 0),
      }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score || a.chunk.id - b.chunk.id)
      .slice(0, 2 * TOP_K);
    const termsOf = new Map(ranked.map(({ chunk, terms }) => [chunk.id, terms]));
    const covered = (of: readonly { readonly id: number }[]): number =>
      coverage(
        content,
        of.map(({ id }) => termsOf.get(id) ?? new Set<number>()),
        idfOf,
      ).union;
    const telling = ranked.filter(({ chunk }) => covered([chunk]) >= MIN_PASSAGE_COVERAGE);
    if (telling.length === 0) return asked('refused', 'nothing-found');
    const scored = telling.map(({ chunk, score }) => ({ ...chunk, score }));
    const chosen = chooseChunks(scored, TOP_K, NO_DATES).chunks;
    if (covered(chosen) < minScore) return asked('refused', 'below-min-score');
    const passages = passagesOf(chosen, NO_DATES, covered, true);
    const parts = passages.map(passagePart);
    const prompt: Prompt = { messages: [{ role: 'user', parts: [...parts, { origin: 'user', text: question }] }] };
    const { text, finishReason } = await model.call({
      model: 'extractive',
      prompt,
      tools: [],
      temperature: 0,
      maxOutputTokens: 500,
      idempotencyKey: 'k',
      signal: new AbortController().signal,
    });
    if (finishReason !== 'stop') return asked('refused', finishReason);
    const { passed, checks } = atOnce(runChecks({ question, prompt: '', text, finishReason, passages }, RULES));
    const failed = checks.filter((check) => !check.passed).map(({ name }) => name);
    return passed ? asked('answered', '', text) : asked('refused', failed.join(', '));
  };
}

function encode(documents: readonly InMemoryDocument[]) {
  const stored = documents.flatMap(({ id, text }) => {
    const read = atOnce(chunkDocument(id, text));
    if (!read.ok) throw new Error(`${id}: ${read.reason}`);
    const { title, sensitivity } = read.document;
    return [...read.document.chunks()].flatMap((chunk) =>
      chunk === undefined ? [] : [{ ...chunk, docId: id, title, sensitivity }],
    );
  });
  const terms = stored.map((chunk) => english.terms(searchableText(chunk)));
  const average = terms.reduce((sum, list) => sum + list.length, 0) / terms.length;
  const frequencies = new Map<number, number>();
  for (const list of terms) {
    for (const id of termFrequencies(list).keys()) frequencies.set(id, (frequencies.get(id) ?? 0) + 1);
  }
  const chunks = stored.map((chunk, id): Encoded => {
    const list = terms[id] ?? [];
    const { ids, weights } = documentVector(list, average);
    return {
      chunk: { ...chunk, id },
      terms: new Set(list.map(termId)),
      weights: new Map(ids.map((term, at) => [term, weights[at] ?? 0])),
    };
  });
  return { chunks, idfOf: (id: number) => idf(stored.length, frequencies.get(id) ?? 0) };
}
