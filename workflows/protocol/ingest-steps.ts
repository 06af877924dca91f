// The activities of an ingest: their inputs and results. Types only.

import type { DenseIndex } from './dense.ts';
import type { WireVersion } from './limits.ts';
import type { IndexGeneration } from './passage.ts';
import type { Principal } from './principal.ts';
import type { ChunkTokens, SkippedFile } from './request.ts';
import type { StepInput } from './step.ts';

export interface OpenGenerationInput extends StepInput {
  readonly path: string;
  readonly collection: string;
  /** Absent: as the current generation was cut. */
  readonly chunks?: ChunkTokens | 'default';
  /** Absent: as the current generation was embedded. */
  readonly dense?: DenseIndex | 'none';
  /** Absent: as the current generation was read. */
  readonly language?: string;
}

/** What a scan of the folder found; the documents themselves stay in the ledger. */
export interface OpenedGeneration {
  readonly v: WireVersion;
  readonly generation: IndexGeneration;
  readonly changed: boolean;
  readonly documents: number;
  /** Of the current generation, if nothing changed; 0 before a new one is measured. */
  readonly chunks: number;
  readonly added: number;
  readonly updated: number;
  readonly removed: number;
  readonly skipped: readonly SkippedFile[];
  readonly skippedCount: number;
  /** Its chunks get vectors. Absent otherwise. */
  readonly embeds?: true;
}

export interface IndexGenerationInput extends StepInput {
  readonly path: string;
  readonly collection: string;
  readonly generation: IndexGeneration;
  /** Who ingests: asked about before texts go to an embedding model. Absent for a refresh by schedule. */
  readonly principal?: Principal;
}

export interface IndexedGeneration {
  readonly v: WireVersion;
  readonly documents: number;
  readonly chunks: number;
  /** Absent for a generation without vectors. */
  readonly embedded?: EmbeddedChunks;
}

/** What the vectors of a generation cost in the attempt that ended; what attempts before it paid is not in it. */
export interface EmbeddedChunks {
  /** Name, as models.yaml has it. */
  readonly model: string;
  /** Chunks whose text was sent. Of the others the vector was kept. */
  readonly sent: number;
  readonly reused: number;
  /** As the endpoint counted them, or an estimate where it did not; of the attempt that ended. */
  readonly tokens: number;
  /** US dollars; `null` when the price is not known. */
  readonly costUsd: number | null;
  /** The endpoint did not count the tokens of every request. Absent otherwise. */
  readonly estimated?: true;
  /** Which attempt that was. Absent for the first. */
  readonly attempt?: number;
}
