// How a collection is cut, read and embedded: as an ingest asks for, else as it was the last time; and how that becomes part of a generation's
// digest.
import { ApplicationFailure } from '@temporalio/common';
import { canonicalJson } from '../runtime/canonical.ts';
import type { Sql, Transaction } from '../runtime/database.ts';
import type { ChunkTokens, DenseIndex, OpenGenerationInput } from '../workflows/protocol/index.ts';
import { denseIdentity, Failure, isChunkTokens, problemOfDense } from '../workflows/protocol/index.ts';
import type { ChunkSettings } from './chunking/chunk-document.ts';
import { chunkerId } from './chunking/chunk-document.ts';
import type { VectorStore } from './ports/vector-store.ts';
import type { Analyzer } from './sparse/analyzer.ts';
import type { Analyzers } from './sparse/analyzers.ts';
import { languageOf } from './sparse/analyzers.ts';
import { ENCODER_ID } from './sparse/bm25.ts';
import { english } from './sparse/english.ts';
import { analyzerIdOf } from './sparse/frozen-statistics.ts';

/** What makes another index of the same documents: chunker, analyzer, encoder, store. */
export function settingsOf(vectors: VectorStore, analyzer: Analyzer, chunks: ChunkSettings | ChunkTokens): string[] {
  return [chunkerId(chunks), analyzer.id, ENCODER_ID, vectors.name];
}

/** Of the generation that a collection has now. */
export interface CurrentSettings {
  readonly chunk_tokens: ChunkTokens | null;
  readonly dense: DenseIndex | null;
  readonly settings: readonly string[] | null;
}

/** `undefined` for a collection that is not there yet. */
export async function currentSettings(
  sql: Sql,
  { tenant, collection }: Pick<OpenGenerationInput, 'tenant' | 'collection'>,
): Promise<CurrentSettings | undefined> {
  const [row] = await sql<CurrentSettings[]>`
    select g.chunk_tokens, g.dense, g.settings from collections c
    join index_generations g on g.tenant = c.tenant and g.id = c.generation
    where c.tenant = ${tenant} and c.name = ${collection}`;
  return row;
}

/** Sizes of chunks: those asked for, else those of the current generation; `null` for the usual ones. */
export function chunkTokensOf(
  { chunks }: OpenGenerationInput,
  current: CurrentSettings | undefined,
): ChunkTokens | null {
  if (chunks === 'default') return null;
  if (isChunkTokens(chunks)) return chunks;
  if (chunks !== undefined) {
    throw ApplicationFailure.nonRetryable(`Not sizes of chunks: ${JSON.stringify(chunks)}.`, Failure.InvalidInput);
  }
  return current?.chunk_tokens ?? null;
}

/** How chunks are embedded: as asked for, else as those of the current generation; `null` for not at all. */
export function denseOf(
  { collection, dense }: OpenGenerationInput,
  current: CurrentSettings | undefined,
): DenseIndex | null {
  if (dense === 'none') return null;
  if (dense !== undefined) {
    const problem = problemOfDense(dense);
    if (problem === undefined) return dense;
    throw ApplicationFailure.nonRetryable(`Not a way to embed ${collection}: ${problem}.`, Failure.InvalidInput);
  }
  return current?.dense ?? null;
}

/** Part of the digest only where there are vectors: that of others stays as it was. */
export const denseSettings = (dense: DenseIndex | null): string[] =>
  dense === null ? [] : [`dense;${canonicalJson(denseIdentity(dense))}`];

/** Another price, or another variable of the key, makes no other index, and is what counts from now on. */
export async function noteDense(sql: Transaction, tenant: string, id: string, dense: DenseIndex | null): Promise<void> {
  if (dense === null) return;
  await sql`update index_generations set dense = ${sql.json(dense)} where tenant = ${tenant} and id = ${id}`;
}

/** Of the language that is asked for, else of that of the current generation, in its newest revision. */
export function analyzerOf(
  { language }: OpenGenerationInput,
  current: CurrentSettings | undefined,
  analyzers: Analyzers,
): Analyzer {
  if (language !== undefined) return requireLanguage(analyzers, language);
  const id = analyzerIdOf(current?.settings ?? null);
  return id === null ? english : requireLanguage(analyzers, languageOf({ id }));
}

/** @throws ApplicationFailure InvalidInput (non-retryable) */
export function requireLanguage(analyzers: Analyzers, language: string): Analyzer {
  const analyzer = analyzers.of(language);
  if (analyzer !== undefined) return analyzer;
  throw ApplicationFailure.nonRetryable(
    `There is no analyzer for ${JSON.stringify(language)}: this worker has ${analyzers.languages.join(', ')}.`,
    Failure.InvalidInput,
  );
}
