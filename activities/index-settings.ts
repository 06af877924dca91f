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

/** Sizes of chunks: those asked for, else those of the current generation; `null` for the usual ones. */
export async function chunkTokensOf(
  sql: Sql,
  { tenant, collection, chunks }: OpenGenerationInput,
): Promise<ChunkTokens | null> {
  if (chunks === 'default') return null;
  if (isChunkTokens(chunks)) return chunks;
  if (chunks !== undefined) {
    throw ApplicationFailure.nonRetryable(`Not sizes of chunks: ${JSON.stringify(chunks)}.`, Failure.InvalidInput);
  }
  const [row] = await sql<{ chunk_tokens: ChunkTokens | null }[]>`
    select g.chunk_tokens from collections c
    join index_generations g on g.tenant = c.tenant and g.id = c.generation
    where c.tenant = ${tenant} and c.name = ${collection}`;
  return row?.chunk_tokens ?? null;
}

/** How chunks are embedded: as asked for, else as those of the current generation; `null` for not at all. */
export async function denseOf(
  sql: Sql,
  { tenant, collection, dense }: OpenGenerationInput,
): Promise<DenseIndex | null> {
  if (dense === 'none') return null;
  if (dense !== undefined) {
    const problem = problemOfDense(dense);
    if (problem === undefined) return dense;
    throw ApplicationFailure.nonRetryable(`Not a way to embed ${collection}: ${problem}.`, Failure.InvalidInput);
  }
  const [row] = await sql<{ dense: DenseIndex | null }[]>`
    select g.dense from collections c
    join index_generations g on g.tenant = c.tenant and g.id = c.generation
    where c.tenant = ${tenant} and c.name = ${collection}`;
  return row?.dense ?? null;
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
export async function analyzerOf(
  sql: Sql,
  { tenant, collection, language }: OpenGenerationInput,
  analyzers: Analyzers,
): Promise<Analyzer> {
  if (language !== undefined) return requireLanguage(analyzers, language);
  const [row] = await sql<{ settings: readonly string[] | null }[]>`
    select g.settings from collections c join index_generations g on g.tenant = c.tenant and g.id = c.generation
    where c.tenant = ${tenant} and c.name = ${collection}`;
  const id = analyzerIdOf(row?.settings ?? null);
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
