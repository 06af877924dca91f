// Vectors of texts in the ledger, by endpoint, model, dimensions and the hash of the text: whatever was paid for once is not paid for again,
// by whichever generation has it. What no generation has any more, the chores collect.
import { createHash } from 'node:crypto';
import { canonicalJson } from '../runtime/canonical.ts';
import type { Sql } from '../runtime/database.ts';
import type { PinnedEmbedding } from '../workflows/protocol/index.ts';
import { bytesOf, vectorOf } from './dense/vectors.ts';

/** Whose texts, and for which generation they are kept. */
export interface CacheScope {
  readonly sql: Sql;
  readonly tenant: string;
  readonly generation: string;
  /** Of {@link modelKey}. */
  readonly model: string;
}

/** Names, keys and prices make no other vectors. A prefix is part of the text. */
export function modelKey({ provider, id, baseUrl, dimensions, requestDimensions }: PinnedEmbedding): string {
  const identity = { provider, id, baseUrl, dimensions, requestDimensions: requestDimensions === true };
  return `sha256:${createHash('sha256').update(canonicalJson(identity)).digest('hex')}`;
}

export const textHash = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Vectors by hex of their text's hash. */
export async function findVectors(
  { sql, tenant, model }: CacheScope,
  hashes: readonly Buffer[],
): Promise<ReadonlyMap<string, Float32Array>> {
  const rows = await sql<{ text_hash: Uint8Array; vector: Uint8Array }[]>`
    select text_hash, vector from embeddings
    where tenant = ${tenant} and model = ${model} and text_hash = any(${[...hashes]}::bytea[])`;
  return new Map(rows.map(({ text_hash, vector }) => [Buffer.from(text_hash).toString('hex'), vectorOf(vector)]));
}

/** Two ingests that pay for the same text at once keep one vector. */
export async function keepVectors(
  { sql, tenant, model }: CacheScope,
  entries: readonly { readonly hash: Buffer; readonly vector: Float32Array }[],
): Promise<void> {
  await sql`insert into embeddings (tenant, model, text_hash, vector)
    select ${tenant}, ${model}, * from unnest(${entries.map(({ hash }) => hash)}::bytea[],
      ${entries.map(({ vector }) => bytesOf(vector))}::bytea[])
    on conflict do nothing`;
}

/** As long as the generation is kept, so are these. */
export async function noteUse(
  { sql, tenant, generation, model }: CacheScope,
  hashes: readonly Buffer[],
): Promise<void> {
  await sql`insert into generation_embeddings (tenant, generation, model, text_hash)
    select ${tenant}, ${generation}, ${model}, * from unnest(${[...hashes]}::bytea[])
    on conflict do nothing`;
}

/** A day: an ingest that goes on may be about to use them. */
export async function collectVectors(sql: Sql, tenant: string): Promise<number> {
  const gone = await sql`
    delete from embeddings e where e.tenant = ${tenant} and e.created_at < now() - interval '1 day'
      and not exists (select from generation_embeddings g
        where g.tenant = e.tenant and g.model = e.model and g.text_hash = e.text_hash)`;
  return gone.count;
}
