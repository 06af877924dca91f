// From a folder to a collection that readers can use: what changed is followed, a kill loses and doubles nothing, and a
// half-built generation is never seen. Against a real PostgreSQL, as the worker's role.
import { open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPostgresVectors } from '../../activities/adapters/postgres-vectors.ts';
import { createQdrantVectors } from '../../activities/adapters/qdrant-vectors.ts';
import { currentGeneration } from '../../activities/find-generation.ts';
import type { VectorStore } from '../../activities/ports/vector-store.ts';
import type { Extractor } from '../../activities/reading/extractor.ts';
import { createExtractor } from '../../activities/reading/extractor.ts';
import { MAX_FILE_BYTES } from '../../activities/reading/formats.ts';
import { dropGeneration } from '../../activities/swap-generation.ts';
import { docxOf, pdfOf } from '../support/office-files.ts';
import { startQdrantStandIn } from '../support/qdrant-stand-in.ts';
import { useDatabase } from '../support/services.ts';
import { qdrantCheck } from '../support/shared-data.ts';
import type { Ingest } from './ingest-harness.ts';
import { ingestOf, intercepted, quietEnvironment, SourceFolder } from './ingest-harness.ts';
import { point } from './ports/vector-store.contract.ts';

const SHOP = {
  'refunds.md': '# Refunds\n\nA refund takes 14 days.\n\n## Digital goods\n\nDigital goods are not refunded.',
  'shipping/costs.md': '# Shipping\n\nShipping costs 5 euros.',
  'notes.txt': 'Opening hours: nine to five.',
};
/** Enough chunks for several writes. */
const many = (count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, file) => [
      `doc-${String(file).padStart(3, '0')}.md`,
      `# Document ${file}\n\n${Array.from({ length: 8 }, (_, part) => `## Part ${part}\n\nRule ${file * 7 + part} costs ${part} euros.`).join('\n\n')}`,
    ]),
  );

describe('ingest', () => {
  const database = useDatabase();
  let collections = 0;
  const fresh = (): string => {
    collections += 1;
    return `docs-${collections}`;
  };
  const store = () => createPostgresVectors(database.db('worker'));
  const ingestInto = (path: string, collection: string, vectors = store()): Ingest =>
    ingestOf({ db: database.db('worker'), vectors }, path, collection);
  const rowsOf = async (collection: string) => {
    const generation = (await currentGeneration(database.db('worker').of('default'), 'default', collection))?.id ?? '';
    const sql = database.sql('owner');
    const chunks =
      await sql`select id, doc_id, ordinal, title, headings, text, start_offset, end_offset, sensitivity, audience
      from chunks where generation = ${generation} order by id`;
    const postings =
      await sql`select term, chunk, weight from postings where generation = ${generation} order by term, chunk`;
    const terms =
      await sql`select term, document_frequency from term_statistics where generation = ${generation} order by term`;
    return { chunks: [...chunks], postings: [...postings], terms: [...terms] };
  };

  it('makes a folder a collection, with frozen statistics', async () => {
    await using folder = await SourceFolder.create(SHOP);
    const collection = fresh();
    expect(await currentGeneration(database.db('worker').of('default'), 'default', collection)).toBeUndefined();
    const report = await ingestInto(folder.path, collection).all();
    expect(report).toMatchObject({
      changed: true,
      documents: 3,
      chunks: 4,
      added: 3,
      updated: 0,
      removed: 0,
      skippedCount: 0,
    });
    expect(await currentGeneration(database.db('worker').of('default'), 'default', collection)).toEqual(
      report.generation,
    );
    const { chunks } = await rowsOf(collection);
    expect(chunks.map(({ id, doc_id, ordinal, title }) => [id, doc_id, ordinal, title])).toEqual([
      [0, 'notes.txt', 0, 'notes'],
      [1, 'refunds.md', 0, 'Refunds'],
      [2, 'refunds.md', 1, 'Refunds'],
      [3, 'shipping/costs.md', 0, 'Shipping'],
    ]);
  });

  it('changes nothing for the same folder, wherever it lies', async () => {
    await using folder = await SourceFolder.create(SHOP);
    await using copy = await SourceFolder.create(SHOP);
    const collection = fresh();
    const first = await ingestInto(folder.path, collection).all();
    const second = await ingestInto(copy.path, collection).all();
    expect(second).toMatchObject({ changed: false, generation: first.generation, added: 0, updated: 0, removed: 0 });
    const [row] = await database.sql('owner')`select revision from collections where name = ${collection}`;
    expect(row?.['revision']).toBe(1);
  });

  it('follows files that were changed, added and removed, and keeps the generation before for open runs', async () => {
    await using folder = await SourceFolder.create(SHOP);
    const collection = fresh();
    const first = await ingestInto(folder.path, collection).all();
    await folder.write({ 'refunds.md': '# Refunds\n\nA refund takes 30 days.', 'new.md': 'New.' });
    await folder.remove('notes.txt');
    const second = await ingestInto(folder.path, collection).all();
    expect(second).toMatchObject({ changed: true, documents: 3, added: 1, updated: 1, removed: 1 });
    expect((await rowsOf(collection)).chunks.map((chunk) => chunk['doc_id'])).toEqual([
      'new.md',
      'refunds.md',
      'shipping/costs.md',
    ]);
    const count = (id: string) => store().count({ tenant: 'default', collection, id });
    expect(await count(first.generation.id)).toBe(4);

    await folder.write({ 'new.md': 'Newer.' });
    await ingestInto(folder.path, collection).all();
    // The chores clear them away, once no open run needs them.
    expect(await count(first.generation.id)).toBe(4);
    expect(await count(second.generation.id)).toBe(3);
    const generations = await database.sql(
      'owner',
    )`select state from index_generations where collection = ${collection} order by id`;
    expect(generations.map((row) => row['state'])).toEqual(['retired', 'retired', 'ready']);
  });

  it('killed in the middle and run again has the rows of an undisturbed run', async () => {
    await using folder = await SourceFolder.create(many(100));
    const [calm, disturbed] = [fresh(), fresh()];
    await ingestInto(folder.path, calm).all();

    let writes = 0;
    const dying = ingestInto(
      folder.path,
      disturbed,
      intercepted(store(), () => {
        writes += 1;
        if (writes === 3) throw new Error('killed');
      }),
    );
    const opened = await dying.open();
    await dying.measure(opened);
    await expect(dying.index(opened)).rejects.toThrow('killed');
    const again = await ingestInto(folder.path, disturbed).open();
    expect(again).toMatchObject({ changed: true, generation: opened.generation });

    let rewritten = 0;
    const resumed = ingestInto(
      folder.path,
      disturbed,
      intercepted(store(), (points) => {
        rewritten += points.length;
      }),
    );
    expect(await resumed.measure(again)).toEqual({ v: 1, documents: 100, chunks: 800 });
    await resumed.index(again);
    await resumed.swap(again);
    expect(rewritten).toBeLessThan(800);
    expect(await rowsOf(disturbed)).toEqual(await rowsOf(calm));
  });

  it('that wrote a batch but died before noting it writes it again in place', async () => {
    await using folder = await SourceFolder.create(many(40));
    const collection = fresh();
    const ingest = ingestInto(folder.path, collection);
    const opened = await ingest.open();
    await ingest.measure(opened);
    await ingest.index(opened);
    await database.sql(
      'owner',
    )`update generation_documents set indexed = false where generation = ${opened.generation.id}`;
    await ingest.index(opened);
    expect(await ingest.swap(opened)).toEqual({ v: 1, documents: 40, chunks: 320 });
    const calm = fresh();
    await ingestInto(folder.path, calm).all();
    expect(await rowsOf(collection)).toEqual(await rowsOf(calm));
  });

  it('stops when it is cancelled, and heartbeats before', async () => {
    await using folder = await SourceFolder.create(many(100));
    const environment = quietEnvironment();
    const beats: unknown[] = [];
    environment.on('heartbeat', (details: unknown) => beats.push(details));
    const vectors = intercepted(store(), () => environment.cancel('CANCELLED'));
    const ingest = ingestInto(folder.path, fresh(), vectors);
    const opened = await ingest.open();
    await ingest.measure(opened);
    await expect(ingest.index(opened, environment)).rejects.toMatchObject({ name: 'CancelledFailure' });
    expect(beats.length).toBeGreaterThan(0);
  });

  it('refuses to swap in what the store does not hold, and builds it whole the next time', async () => {
    await using folder = await SourceFolder.create(SHOP);
    const collection = fresh();
    const ingest = ingestInto(folder.path, collection);
    const opened = await ingest.open();
    await ingest.measure(opened);
    await expect(ingest.swap(opened)).rejects.toMatchObject({ type: 'countersign.ingest.SourceChanged' });
    await ingest.index(opened);
    await store().drop({ tenant: 'default', collection, id: opened.generation.id });
    await expect(ingest.swap(opened)).rejects.toThrow(/The store holds 0 of 4 chunks .* Run ingest again/);
    expect(await currentGeneration(database.db('worker').of('default'), 'default', collection)).toBeUndefined();
    expect(await ingest.all()).toMatchObject({ generation: opened.generation, chunks: 4 });
    // And when the store loses a current generation, the same folder is not taken for done.
    await store().drop({ tenant: 'default', collection, id: opened.generation.id });
    expect(await ingest.all()).toMatchObject({ changed: true, chunks: 4, added: 0, updated: 0, removed: 0 });
  });

  it('notices a file that changes or goes between the passes', async () => {
    await using folder = await SourceFolder.create(SHOP);
    const ingest = ingestInto(folder.path, fresh());
    const opened = await ingest.open();
    await ingest.measure(opened);
    await folder.write({ 'refunds.md': 'Other.' });
    const failure = { type: 'countersign.ingest.SourceChanged', nonRetryable: true };
    await expect(ingest.index(opened)).rejects.toMatchObject(failure);
    await folder.remove('refunds.md');
    await expect(ingest.index(opened)).rejects.toThrow(/refunds\.md changed while .* Run ingest again/);
  });

  it('of an older state does not replace a newer one', async () => {
    await using folder = await SourceFolder.create(SHOP);
    const collection = fresh();
    const slow = ingestInto(folder.path, collection);
    const opened = await slow.open();
    await slow.measure(opened);
    await slow.index(opened);
    await folder.write({ 'new.md': 'New.' });
    const { generation } = await ingestInto(folder.path, collection).all();
    await expect(slow.swap(opened)).rejects.toMatchObject({
      type: 'countersign.retrieval.CollectionNotFound',
      nonRetryable: true,
    });
    expect(await currentGeneration(database.db('worker').of('default'), 'default', collection)).toEqual(generation);
  });

  it('may swap twice', async () => {
    await using folder = await SourceFolder.create(SHOP);
    const ingest = ingestInto(folder.path, fresh());
    const opened = await ingest.all();
    expect(await ingest.swap(opened)).toEqual({ v: 1, documents: 3, chunks: 4 });
  });

  it('takes what it can and names the rest', async () => {
    await using folder = await SourceFolder.create(SHOP);
    await folder.write({
      'binary.md': Buffer.from([1, 0, 2]),
      'broken.txt': Buffer.from([0xff, 0xfe, 0x41]),
      'empty.md': '',
      'front.md': '---\nsensitivity: secret\n---\nText.',
      'huge.md': 'x'.repeat(MAX_FILE_BYTES + 1),
      'manual.odt': 'x',
    });
    const report = await ingestInto(folder.path, fresh()).all();
    expect(report).toMatchObject({ documents: 3, skippedCount: 6 });
    expect(report.skipped.map(({ path, reason }) => `${path}: ${reason}`)).toEqual([
      'binary.md: binary: a NUL byte at offset 1; save it as UTF-8 text',
      'broken.txt: not valid UTF-8; save it as UTF-8 text',
      'empty.md: empty',
      expect.stringMatching(/^front\.md: front matter: sensitivity: /),
      'huge.md: larger than 32 MiB (32.0 MiB)',
      'manual.odt: not Markdown, text, HTML, PDF, DOCX or JSONL',
    ]);
  });

  it('takes every format, and makes no text twice', async () => {
    await using folder = await SourceFolder.create({ ...SHOP, 'page.html': '<h1>Hours</h1><p>We open at nine.</p>' });
    await folder.write({
      'manual.pdf': pdfOf([['Press the button'], ['twice.']]),
      'terms.docx': docxOf(['# Terms', 'No refund for gifts.']),
      'corpus.jsonl': [
        '{"_id":"184","title":"Wings","text":"the lift of wings .","metadata":{}}',
        '{"_id":185,"title":"","text":"drag"}',
      ].join('\r\n'),
    });
    const collection = fresh();
    const made: string[] = [];
    const extractor = createExtractor();
    const counting: Extractor = {
      extract: (format, bytes) => {
        made.push(format);
        return extractor.extract(format, bytes);
      },
    };
    const ingest = ingestOf(
      { db: database.db('worker'), vectors: store(), extractor: counting },
      folder.path,
      collection,
    );
    expect(await ingest.all()).toMatchObject({ documents: 8, skippedCount: 0 });
    expect(made).toEqual(['pdf', 'html', 'docx']);
    const { chunks } = await rowsOf(collection);
    const shown = chunks.map(({ doc_id, title, headings, text }) => [doc_id, title, headings, text]);
    expect(shown).toEqual(
      expect.arrayContaining([
        ['corpus.jsonl#184', 'Wings', [], 'the lift of wings .'],
        ['corpus.jsonl#185', '185', [], 'drag'],
        ['manual.pdf', 'manual', [], 'Press the button\n\ntwice.'],
        ['page.html', 'Hours', ['Hours'], 'We open at nine.'],
        ['terms.docx', 'Terms', ['Terms'], 'No refund for gifts.'],
      ]),
    );
    made.length = 0;
    await folder.write({ 'new.md': 'New.' });
    expect(await ingest.all()).toMatchObject({ changed: true, added: 1, updated: 0 });
    expect(made).toEqual([]);
  });

  it('takes a record that has a title only, as corpora have them', async () => {
    await using folder = await SourceFolder.create({
      'corpus.jsonl': '{"_id":"a","title":"Refunds abroad","text":""}',
    });
    const collection = fresh();
    expect(await ingestInto(folder.path, collection).all()).toMatchObject({ documents: 1, chunks: 1, skipped: [] });
    const kept = await database.sql('owner')`select title, text from chunks where doc_id = 'corpus.jsonl#a'`;
    expect(kept).toEqual([{ title: 'Refunds abroad', text: 'Refunds abroad' }]);
  });

  it('skips what is hostile, line by line, and takes the rest', async () => {
    await using folder = await SourceFolder.create(SHOP);
    await folder.write({
      'bomb.docx': docxOf(['x'], [{ name: 'word/bomb.xml', content: Buffer.alloc(150 * 1024 * 1024) }]),
      'scan.pdf': pdfOf([[], []]),
      'corpus.jsonl': [
        '{"_id":"a","text":"good"}',
        'not json',
        '{"_id":"a","text":"once more"}',
        '{"_id":"b\\u001b","text":"x"}',
        '{"_id":"c","text":"x","sensitivity":"secret"}',
        '{"_id":"d","title":" ","text":" "}',
        '{"_id":"e","text":"nul \\u0000 and half \\ud83d of a character"}',
        '{"_id":"f","text":"x","Audience":["staff"]}',
        `{"_id":"g","text":"${'x'.repeat(5 * 1024 * 1024)}"}`,
      ].join('\n'),
      'title.md': '---\ntitle: "a\\0b"\n---\nText.',
      // Its 300th character would be half of one.
      'heading.md': `# ${'x'.repeat(299)}😀 and more\n\nText.`,
    });
    await symlink('/etc/passwd', join(folder.path, 'passwd.txt'));
    const huge = await open(join(folder.path, 'huge.html'), 'w');
    await huge.truncate(200 * 1024 * 1024);
    await huge.close();
    const collection = fresh();
    const report = await ingestInto(folder.path, collection).all();
    expect(report).toMatchObject({ documents: 6 });
    expect(report.skipped.map(({ path, reason }) => `${path}: ${reason}`).sort()).toEqual([
      'bomb.docx: an archive that inflates to more than 128 MiB',
      'corpus.jsonl#a: its id is that of a document before it',
      'corpus.jsonl:2: not JSON',
      'corpus.jsonl:4: its `_id` must have 1 to 300 characters, none of them a control character',
      expect.stringMatching(/^corpus\.jsonl:5: sensitivity: /),
      'corpus.jsonl:6: empty: it has no text',
      'corpus.jsonl:8: `Audience` must be written `audience`',
      'corpus.jsonl:9: a line longer than 4 MiB',
      'huge.html: larger than 32 MiB (200.0 MiB)',
      'passwd.txt: link out of the folder',
      'scan.pdf: no text in its 2 pages: it needs OCR',
      'title.md: front matter: title: has characters that no text has',
    ]);
    const kept = await database.sql('owner')`select path from skipped_files where collection = ${collection}`;
    expect(kept).toHaveLength(report.skippedCount);
  });

  it('takes a folder of ten thousand empty files for what it is', async () => {
    await using folder = await SourceFolder.create({ 'a.md': 'Text.' });
    await folder.write(Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`${index}.txt`, ''])));
    const collection = fresh();
    expect(await ingestInto(folder.path, collection).all()).toMatchObject({ documents: 1, skippedCount: 10_000 });
    const [row] = await database.sql('owner')`
      select count(*)::integer as lines, min(reason) as reason from skipped_files where collection = ${collection}`;
    expect(row).toEqual({ lines: 10_000, reason: 'empty' });
  });

  it('reads what folders say of their documents, and takes another word for a change', async () => {
    const manifest = (audience: string): string =>
      `defaults: { audience: [${audience}], owner: support }\ndocuments:\n  manual.pdf: { sensitivity: confidential, valid_until: 2026-01-31, source_url: "https://example.org/m" }\n  gone.pdf: {}\n`;
    await using folder = await SourceFolder.create({
      'documents.yaml': manifest('staff'),
      'own.md': '---\naudience: [managers]\nupdated_at: 2025-01-01\n---\nText.',
      'sub/deep.txt': 'Deep.',
      'closed/documents.yaml': 'defaults: { audience: staff }',
      'closed/secret.md': 'Secret.',
    });
    await folder.write({ 'manual.pdf': pdfOf([['Press the button']]) });
    const collection = fresh();
    const report = await ingestInto(folder.path, collection).all();
    expect(report.skipped.map(({ path, reason }) => `${path}: ${reason}`)).toEqual([
      expect.stringMatching(/^closed\/documents\.yaml: defaults: audience: .*; nothing of its folder is used$/),
      'documents.yaml: names gone.pdf, which is not there',
    ]);
    const seen = async () =>
      (await rowsOf(collection)).chunks.map(({ doc_id, audience, sensitivity }) => [doc_id, audience, sensitivity]);
    expect(await seen()).toEqual([
      ['manual.pdf', ['staff'], 'confidential'],
      ['own.md', ['managers'], 'public'],
      ['sub/deep.txt', ['staff'], 'public'],
    ]);
    const about = await database.sql('owner')`select doc_id, owner, source_url, valid_until, updated_at
      from generation_documents where generation = ${report.generation.id} order by doc_id`;
    const none = { source_url: null, valid_until: null, updated_at: null };
    expect([...about]).toEqual([
      {
        ...none,
        doc_id: 'manual.pdf',
        owner: 'support',
        source_url: 'https://example.org/m',
        valid_until: new Date('2026-02-01T00:00:00Z'),
      },
      { ...none, doc_id: 'own.md', owner: 'support', updated_at: new Date('2025-01-01T00:00:00Z') },
      { ...none, doc_id: 'sub/deep.txt', owner: 'support' },
    ]);
    await folder.write({ 'documents.yaml': manifest('managers') });
    expect(await ingestInto(folder.path, collection).all()).toMatchObject({ changed: true, added: 0, updated: 3 });
    expect((await seen())[2]).toEqual(['sub/deep.txt', ['managers'], 'public']);
  });

  it('cuts a collection as it was told, until it is told otherwise', async () => {
    const text = `# Rules\n\n${Array.from({ length: 60 }, (_, n) => `Rule ${n} costs ${n % 7} euros.`).join(' ')}`;
    await using folder = await SourceFolder.create({ 'rules.md': text });
    const ingest = ingestInto(folder.path, fresh());
    const usual = await ingest.all();
    const small = await ingest.all({ targetTokens: 40, maxTokens: 60, overlapTokens: 10 });
    expect(small).toMatchObject({ changed: true, added: 0, updated: 0, removed: 0 });
    expect(small.chunks).toBeGreaterThan(usual.chunks * 2);
    expect(await ingest.open()).toMatchObject({ changed: false, chunks: small.chunks });
    await folder.write({ 'more.md': 'More.' });
    expect(await ingest.all()).toMatchObject({ chunks: small.chunks + 1 });
    expect(await ingest.all('default')).toMatchObject({ changed: true, chunks: usual.chunks + 1 });
    expect(await ingest.open()).toMatchObject({ changed: false });
  });

  it('lists a hundred skipped files and counts the rest', async () => {
    await using folder = await SourceFolder.create({ 'a.md': 'Text.' });
    await folder.write(Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`${index}.bin`, 'x'])));
    const opened = await ingestInto(folder.path, fresh()).open();
    expect(opened.skipped).toHaveLength(100);
    expect(opened.skippedCount).toBe(150);
  });

  it('refuses a folder without any document, and a name that cannot be one, and leaves the collection alone', async () => {
    await using folder = await SourceFolder.create(SHOP);
    await using empty = await SourceFolder.create();
    const collection = fresh();
    await ingestInto(folder.path, collection).all();
    await expect(ingestInto(empty.path, collection).open()).rejects.toThrow(
      /No document in .* can be used \(it is empty\)/,
    );
    expect((await rowsOf(collection)).chunks).toHaveLength(4);
    await expect(ingestInto(folder.path, 'a/b').open()).rejects.toMatchObject({ type: 'countersign.input.Invalid' });
  });

  it('that was overtaken leaves nothing in Qdrant, however late its last batch is', async () => {
    await using folder = await SourceFolder.create(SHOP);
    await using server = await startQdrantStandIn({ check: qdrantCheck() });
    const qdrant = createQdrantVectors({ url: server.url });
    const collection = fresh();
    const overtaken = ingestInto(folder.path, collection, {
      ...qdrant,
      async upsert(generation, points) {
        await folder.write({ 'new.md': 'New.' });
        await ingestInto(folder.path, collection, qdrant).all();
        await qdrant.upsert(generation, points);
      },
    });
    const opened = await overtaken.open();
    await overtaken.measure(opened);
    const failed = overtaken.index(opened);
    await expect(failed).rejects.toThrow(/is gone: a newer ingest has replaced it/);
    await expect(failed).rejects.toMatchObject({
      type: 'countersign.retrieval.CollectionNotFound',
      nonRetryable: true,
    });
    const of = (id: string) => ({ tenant: 'default', collection, id });
    expect(await qdrant.count(of(opened.generation.id))).toBe(0);

    // And where the batch comes between the store and the ledger.
    const { generation } = await ingestInto(folder.path, collection, qdrant).open();
    const current = of(generation.id);
    expect(await qdrant.count(current)).toBe(5);
    const points = [point(0), point(1)];
    const dropping: VectorStore = {
      ...qdrant,
      async drop(target) {
        await qdrant.drop(target);
        const rows = await database.sql('owner')`select from index_generations where id = ${target.id}`;
        if (rows.length > 0) await qdrant.upsert(target, points);
      },
    };
    const last = { ...generation, store: 'qdrant', dense: null };
    await database.sql('owner')`delete from collections where name = ${collection}`;
    await dropGeneration({ db: database.db('worker'), vectors: dropping }, { tenant: 'default', collection }, last);
    expect(await qdrant.count(current)).toBe(0);
  });

  it('keeps Qdrant’s points by generation, and builds anew when the store is another', async () => {
    await using folder = await SourceFolder.create(SHOP);
    await using server = await startQdrantStandIn({ check: qdrantCheck() });
    const qdrant = createQdrantVectors({ url: server.url });
    const collection = fresh();
    const first = await ingestInto(folder.path, collection).all();
    const second = await ingestInto(folder.path, collection, qdrant).all();
    expect(second).toMatchObject({ changed: true, chunks: 4, added: 0, updated: 0, removed: 0 });
    expect(await qdrant.count({ tenant: 'default', collection, id: second.generation.id })).toBe(4);
    expect(await ingestInto(folder.path, collection, qdrant).all()).toMatchObject({ changed: false });
    const target = { tenant: 'default', collection };
    await dropGeneration({ db: database.db('worker'), vectors: qdrant }, target, {
      ...first.generation,
      store: 'postgres',
      dense: null,
    });
    expect(await store().count({ ...target, id: first.generation.id })).toBe(0);
  });
});
