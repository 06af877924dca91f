// Vectors for the chunks of a generation: those that were paid for before from the ledger, the others from the endpoint, a few requests at a
// time. What a request brought is kept before the next begins in its place, so a killed ingest pays again for what was under way at most.
import { inLanes } from '../runtime/in-lanes.ts';
import type { EmbeddedChunks, PinnedEmbedding } from '../workflows/protocol/index.ts';
import { callInTurn } from './call-in-turn.ts';
import type { CacheScope } from './embedding-cache.ts';
import { findVectors, keepVectors, noteUse, textHash } from './embedding-cache.ts';
import { inputCostOf, reserveOf } from './model-cost.ts';
import type { ModelRates } from './model-rates.ts';
import type { EmbeddingModel } from './ports/dense.ts';
import { MAX_TEXTS } from './ports/dense.ts';
import { waitOutLimits } from './wait-out-limits.ts';

/** Of a request, as UTF-8; one longer text goes alone. */
const MAX_REQUEST_BYTES = 128 * 1024;
/** Requests at once. */
const AT_ONCE = 4;
/** What a request waits at rate limits before the attempt gives up, in all. */
const PATIENCE_MS = 60 * 60_000;

export interface ChunkEmbedder {
  /** One vector a text, in their order. @throws ApplicationFailure of the endpoint */
  embed(texts: readonly string[]): Promise<readonly Float32Array[]>;
  /** So far. */
  readonly figures: EmbeddedChunks;
}

export interface EmbedderOptions {
  readonly embedding: PinnedEmbedding;
  readonly model: EmbeddingModel;
  readonly rates: ModelRates;
  readonly scope: CacheScope;
  /** Ends waiting and requests. */
  readonly signal: AbortSignal;
  /** @default an hour a request */
  readonly patienceMs?: number;
}

interface Wanted {
  readonly text: string;
  readonly hash: Buffer;
}

export function createChunkEmbedder({
  embedding,
  model,
  rates,
  scope,
  signal,
  patienceMs = PATIENCE_MS,
}: EmbedderOptions): ChunkEmbedder {
  let sent = 0;
  let reused = 0;
  let tokens = 0;
  let isEstimated = false;

  async function ask(batch: readonly Wanted[], into: Map<string, Float32Array>): Promise<void> {
    const texts = batch.map(({ text }) => text);
    const most = reserveOf(bytesOf(batch), 0, embedding).tokens;
    const reply = await waitOutLimits(
      async () =>
        await callInTurn(
          await rates.turn({ tenant: scope.tenant, model: embedding, tokens: most, signal }),
          () => model.embed(texts, signal),
          (given) => given.tokens,
        ),
      { forMs: patienceMs, signal },
    );
    const entries = batch.map(({ hash }, at) => {
      const vector = reply.vectors[at];
      if (vector === undefined) throw new Error(`${model.label} gave no vector for a text`);
      return { hash, vector };
    });
    await keepVectors(scope, entries);
    for (const { hash, vector } of entries) into.set(hash.toString('hex'), vector);
    sent += batch.length;
    tokens += reply.tokens ?? most;
    isEstimated ||= reply.tokens === null;
  }

  return {
    get figures() {
      const costUsd = sent === 0 ? 0 : inputCostOf(tokens, embedding);
      return { model: embedding.name, sent, reused, tokens, costUsd, ...(isEstimated && { estimated: true as const }) };
    },
    async embed(texts) {
      const wanted = texts.map((each): Wanted => {
        const text = `${embedding.documentPrefix ?? ''}${each}`;
        return { text, hash: textHash(text) };
      });
      // The same text twice is one.
      const byHash = new Map(wanted.map((each) => [each.hash.toString('hex'), each]));
      const hashes = [...byHash.values()].map(({ hash }) => hash);
      await noteUse(scope, hashes);
      const vectors = new Map(await findVectors(scope, hashes));
      const missing = [...byHash].flatMap(([key, each]) => (vectors.has(key) ? [] : [each]));
      reused += texts.length - missing.length;
      await inLanes(batchesOf(missing), AT_ONCE, async (batch) => await ask(batch, vectors));
      return wanted.map(({ hash }) => {
        const vector = vectors.get(hash.toString('hex'));
        if (vector === undefined) throw new Error(`${model.label} gave no vector for a text`);
        return vector;
      });
    },
  };
}

const bytesOf = (batch: readonly Wanted[]): number => batch.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);

function batchesOf(wanted: readonly Wanted[]): readonly (readonly Wanted[])[] {
  const batches: Wanted[][] = [];
  let batch: Wanted[] = [];
  let bytes = 0;
  for (const each of wanted) {
    const size = Buffer.byteLength(each.text);
    if (batch.length > 0 && (batch.length >= MAX_TEXTS || bytes + size > MAX_REQUEST_BYTES)) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(each);
    bytes += size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
