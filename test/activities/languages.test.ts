// Collections in other languages than English: written and read with one analyzer, also after another one was asked for.
import { beforeAll, describe, expect, it } from 'vitest';
import { createPostgresVectors } from '../../activities/adapters/postgres-vectors.ts';
import { createCheckIndex } from '../../activities/check-index.ts';
import type { Search } from '../../activities/retrieve.ts';
import { createSearch } from '../../activities/retrieve.ts';
import type { Analyzer } from '../../activities/sparse/analyzer.ts';
import { createAnalyzers } from '../../activities/sparse/analyzers.ts';
import { createStatistics } from '../../activities/sparse/frozen-statistics.ts';
import type { IndexCheck, IndexGeneration } from '../../workflows/protocol/index.ts';
import { anonymous } from '../../workflows/protocol/index.ts';
import { useDatabase } from '../support/services.ts';
import { ingestOf, quietEnvironment, SourceFolder } from './ingest-harness.ts';

const database = useDatabase();
const FILES = {
  'geld.md': '# Erstattung\n\nRückerstattungen werden binnen vierzehn Tagen überwiesen.',
  'versand.md': '# Versand\n\nPakete nach Norwegen kosten fünf Euro.',
};
const QUESTION = 'Wann wird eine Rückerstattung überwiesen?';
/** Of somebody else: it reads nothing but capital letters. */
const CAPITALS: Analyzer = {
  id: 'german/capitals-1',
  terms: (text) => text.match(/\p{Lu}/gu) ?? [],
  contentTerms: () => new Set(['R']),
};

let folder: SourceFolder;
beforeAll(async () => {
  folder = await SourceFolder.create(FILES);
  return async () => await folder[Symbol.asyncDispose]();
});

const dependencies = (analyzers = createAnalyzers()) => {
  const db = database.db('worker');
  return { db, vectors: createPostgresVectors(db), analyzers };
};

async function ask(generation: IndexGeneration, collection: string, analyzers = createAnalyzers()): ReturnType<Search> {
  return await createSearch(dependencies(analyzers))({
    runId: 'default/answer/01J00000000000000000000000',
    tenant: 'default',
    principal: anonymous('default'),
    query: QUESTION,
    retrieval: { collection, topK: 5, minScore: 0.72 },
    generation,
  });
}

const check = async (collection: string, language?: string): Promise<readonly string[]> => {
  const step = { v: 1, runId: 'default/checkIndex/01J00000000000000000000000', tenant: 'default' } as const;
  const input = {
    ...step,
    stepPath: 'checkIndex/check#1' as const,
    collection,
    ...(language !== undefined && { language }),
  };
  const { faults } = (await quietEnvironment().run(createCheckIndex(dependencies()), input)) as IndexCheck;
  return faults.map(({ fault, detail }) => `${fault}: ${detail}`);
};

describe('a collection of German documents', () => {
  it('is searched in German, is kept so, and is built anew in another language', async () => {
    const ingest = ingestOf(dependencies(), folder.path, 'hilfe');
    const english = (await ingest.all()).generation;
    expect(await ask(english, 'hilfe')).toMatchObject({ verdict: 'below-min-score' });

    const german = await ingest.all(undefined, undefined, 'german');
    expect(german.changed).toBe(true);
    expect(await ask(german.generation, 'hilfe')).toMatchObject({
      verdict: 'found',
      coverage: 1,
      passages: [{ id: 'geld.md#0' }],
    });
    // Without a word it stays German; an open run still reads the other generation as it was written.
    expect(await ingest.all()).toMatchObject({ changed: false, generation: german.generation });
    expect(await ask(english, 'hilfe')).toMatchObject({ verdict: 'below-min-score' });

    expect(await check('hilfe')).toEqual([]);
    expect(await check('hilfe', 'english')).toEqual(['other-encoder: it was made with german/1, not english/2']);
  });

  it('asks for what it needs in as many statements as one of English, once its language is known', async () => {
    const opened = await ingestOf(dependencies(), folder.path, 'zahlen').all(undefined, undefined, 'german');
    const { db, vectors } = dependencies();
    let statements = 0;
    const counting = {
      ...db,
      of: (tenant: string) => {
        statements += 1;
        return db.of(tenant);
      },
    };
    const search = createSearch({ db: counting, vectors });
    const input = {
      runId: 'default/answer/01J00000000000000000000000',
      tenant: 'default',
      principal: anonymous('default'),
      query: QUESTION,
      retrieval: { collection: 'zahlen', topK: 5, minScore: 0.5 },
      generation: opened.generation,
    } as const;
    await search(input);
    const first = statements;
    await search(input);
    expect(statements - first).toBeLessThan(first);
  });

  it('is not ingested in a language that is not there', async () => {
    const ingest = ingestOf(dependencies(), folder.path, 'klingon');
    await expect(ingest.all(undefined, undefined, 'klingon')).rejects.toThrow(
      /There is no analyzer for "klingon": this worker has any, danish, .*swedish\./,
    );
  });

  it('is read by the analyzer that wrote it, and by no worker that lacks that', async () => {
    const own = createAnalyzers([CAPITALS]);
    const opened = await ingestOf(dependencies(own), folder.path, 'gross').all(undefined, undefined, 'german');
    expect(await ask(opened.generation, 'gross', own)).toMatchObject({ verdict: 'found' });
    await expect(ask(opened.generation, 'gross')).rejects.toThrow(
      'Collection gross was ingested with the analyzer german/capitals-1, which this worker does not have',
    );
    const read = createStatistics(database.db('worker'));
    const statistics = await read({ tenant: 'default', generation: opened.generation.id, terms: [] });
    expect(statistics?.analyzerId).toBe('german/capitals-1');
  });
});
