// A folder of documents and the four ingest activities over it, one after the other, as the workflow schedules them.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createIndexGeneration } from '../../activities/index-generation.ts';
import { createMeasureGeneration } from '../../activities/measure-generation.ts';
import type { IngestDependencies } from '../../activities/open-generation.ts';
import { createOpenGeneration } from '../../activities/open-generation.ts';
import type { ChunkPoint, VectorStore } from '../../activities/ports/vector-store.ts';
import { createSwapGeneration } from '../../activities/swap-generation.ts';
import type {
  EmbeddedChunks,
  IndexedGeneration,
  IndexGenerationInput,
  OpenedGeneration,
  OpenGenerationInput,
} from '../../workflows/protocol/index.ts';

/** Runs activities without writing what fails on purpose into the test's output. */
export function quietEnvironment(): MockActivityEnvironment {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => {}) });
}

export class SourceFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(files: Readonly<Record<string, string>> = {}): Promise<SourceFolder> {
    const folder = new SourceFolder(await mkdtemp(join(tmpdir(), 'countersign-ingest-')));
    await folder.write(files);
    return folder;
  }

  async write(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(this.path, name)), { recursive: true });
      await writeFile(join(this.path, name), content);
    }
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.path, name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

export interface Ingest {
  /** @param chunks @default as the collection was cut the last time. @param dense @default as it was embedded the last time */
  open(
    chunks?: OpenGenerationInput['chunks'],
    dense?: OpenGenerationInput['dense'],
    language?: string,
  ): Promise<OpenedGeneration>;
  measure(opened: OpenedGeneration): Promise<IndexedGeneration>;
  index(opened: OpenedGeneration, environment?: MockActivityEnvironment): Promise<IndexedGeneration>;
  swap(opened: OpenedGeneration): Promise<IndexedGeneration>;
  /** All of them, as the workflow does. */
  all(
    chunks?: OpenGenerationInput['chunks'],
    dense?: OpenGenerationInput['dense'],
    language?: string,
  ): Promise<OpenedGeneration & { readonly chunks: number; readonly embedded?: EmbeddedChunks }>;
}

export function ingestOf(dependencies: IngestDependencies, path: string, collection = 'docs'): Ingest {
  const step = {
    v: 1,
    runId: 'default/ingest/01J00000000000000000000000',
    tenant: 'default',
    stepPath: 'ingest/x#1',
  } as const;
  const on = ({ generation }: OpenedGeneration): IndexGenerationInput => ({ ...step, path, collection, generation });
  const ingest: Ingest = {
    open: (chunks, dense, language) =>
      quietEnvironment().run(createOpenGeneration(dependencies), {
        ...step,
        path,
        collection,
        ...(chunks !== undefined && { chunks }),
        ...(dense !== undefined && { dense }),
        ...(language !== undefined && { language }),
      }),
    measure: (opened) => quietEnvironment().run(createMeasureGeneration(dependencies), on(opened)),
    index: (opened, environment = quietEnvironment()) =>
      environment.run(createIndexGeneration(dependencies), on(opened)),
    swap: (opened) => quietEnvironment().run(createSwapGeneration(dependencies), on(opened)),
    async all(chunks, dense, language) {
      const opened = await ingest.open(chunks, dense, language);
      if (!opened.changed) return { ...opened, chunks: 0 };
      await ingest.measure(opened);
      const { embedded } = await ingest.index(opened);
      const { chunks: written } = await ingest.swap(opened);
      return { ...opened, chunks: written, ...(embedded !== undefined && { embedded }) };
    },
  };
  return ingest;
}

/** The store, with something happening before each write. */
export function intercepted(store: VectorStore, beforeUpsert: (points: readonly ChunkPoint[]) => void): VectorStore {
  return {
    ...store,
    async upsert(generation, points) {
      beforeUpsert(points);
      await store.upsert(generation, points);
    },
  };
}
