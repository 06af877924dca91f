// `collections`, `search` and `check index` as people type them, against a stack that `dev` started: output and exit codes.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { publishReleases } from '../../../cli/commands/dev.ts';
import { loadConfig } from '../../../runtime/config.ts';
import { openDatabase } from '../../../runtime/database.ts';
import { startDenseServer } from '../../support/dense-server.ts';
import { useStack } from '../../support/stack.ts';

const stack = useStack();

// Many commands each, and each is a process: on a busy machine that takes its time.
describe('collections', { timeout: 240_000 }, () => {
  let folder: string;
  beforeAll(async () => {
    folder = stack.folder.file('looked-after');
    mkdirSync(folder);
    writeFileSync(join(folder, 'a.md'), '# Parcels\n\nParcels take three days.');
    writeFileSync(join(folder, 'old.md'), '---\nvalid_until: 2020-01-31\n---\n# Letters\n\nLetters take one day.');
    expect((await stack.run(['ingest', folder, '--collection', 'looked-after'])).code).toBe(0);
  });

  it('are listed and shown, with what holds no longer', async () => {
    const { stdout } = await stack.run(['collections', 'list']);
    expect(stdout).toMatch(/^looked-after +2 +2 +\S+Z +1 stale$/m);
    const shown = await stack.run(['collections', 'show', 'looked-after']);
    expect(shown.stdout).toContain('  old.md: 1 chunks, held until 2020-02-01T00:00:00.000Z\n');
    const missing = await stack.run(['collections', 'show', 'none']);
    expect(missing.stderr).toContain('No collection none');
    expect(missing.code).toBe(1);
  });

  it('are searched as a run would, with scores, coverage and the verdict', async () => {
    const query = 'How long do letters take?';
    const own = ['--collection', 'looked-after', '--release', 'support_refund_answer'];
    const { code, stdout } = await stack.run(['search', query, ...own, '--top-k', '1', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: 'found',
      topK: 1,
      passages: [{ docId: 'old.md', stale: true, score: expect.any(Number) as number }],
      access: { decision: 'allow' },
    });
    expect(code).toBe(0);
    const words = await stack.run(['search', query, ...own]);
    expect(words.stdout).toMatch(/^found: /);
    expect(words.stdout).toMatch(/^coverage 1\.0000, needed 0\.72, top 5, generation [0-9A-Z]{26}$/m);
    expect(words.stdout).toMatch(/^1\. old\.md#0 {2}score [\d.]+, covers 1, holds no longer$/m);
    expect((await stack.run(['search', 'xylophone', ...own])).code).toBe(1);
    expect((await stack.run(['search', query, ...own, '--top-k', '0'])).code).toBe(64);
    const without = await stack.run(['search', query, '--collection', 'looked-after', '--json']);
    expect(JSON.parse(without.stdout)).toMatchObject({ verdict: 'found', collection: 'looked-after' });
    // Judged as another release, since none searches this collection: of those published at once as the one without tools.
    expect(without.stderr).toMatch(/^support_refund_answer@\S+, default\/search\//);
    expect((await stack.run(['search', query, ...own, '--as', 'suspended'])).code).toBe(1);
  });

  it('are embedded as collections.yaml says, which is shown and checked', async () => {
    await using server = await startDenseServer({ dimensions: 32 });
    const releases = stack.folder.file('embedding-releases');
    mkdirSync(releases);
    const model = (id: string) =>
      `{ provider: openai-compatible, model: ${id}, base_url: "${server.url}", dimensions: 32, input_usd_per_million: 0 }`;
    const models = `embeddings:\n  words: ${model('embed-1')}\n  others: ${model('embed-2')}\n`;
    const local = '  local: { provider: local, model: extractive }\n';
    writeFileSync(join(releases, 'models.yaml'), `v: 1\nmodels:\n${local}${models}`);
    const manifest =
      'name: near\nversion: 1.0.0\nmodel: local\nretrieval: { collection: near, dense: { model: words } }\n';
    mkdirSync(join(releases, 'near'));
    writeFileSync(join(releases, 'near/manifest.yaml'), manifest);
    writeFileSync(join(releases, 'near/prompt.md'), 'Answer from the passages.');
    const say = (line: string): void =>
      writeFileSync(join(releases, 'collections.yaml'), `v: 1\ncollections:\n  near: { ${line} }\n`);
    const run = async (...args: string[]) => await stack.run(args, { env: { COUNTERSIGN_RELEASES: releases } });
    const embedded = stack.folder.file('embedded');
    mkdirSync(embedded);
    writeFileSync(join(embedded, 'a.md'), '# Parcels\n\nParcels take three days.');

    say('embedding: words, quantization: scalar');
    const early = await run('ingest', embedded, '--collection', 'near');
    expect(early.stdout + early.stderr).toContain('No published release searches by words (embed-1) at ');
    expect(early.code).toBe(1);
    expect(server.texts).toEqual([]);
    const config = loadConfig({ role: 'gateway', env: { COUNTERSIGN_HOME: stack.home } });
    const db = openDatabase(config);
    await publishReleases(db, { COUNTERSIGN_RELEASES: releases }, () => {});
    await db.end();
    const ingested = await run('ingest', embedded, '--collection', 'near');
    expect(ingested.stdout).toMatch(/^embedded with words: 1 chunk sent, 0 kept \(\d+ tokens, 0\.000000 USD\)$/m);
    const shown = await run('collections', 'show', 'near');
    expect(shown.stdout).toMatch(/^vectors +words \(embed-1 at http:\S+, 32 dimensions\), scalar quantization$/m);
    const check = async () => await run('check', 'index', '--collection', 'near');
    expect((await check()).code).toBe(0);

    say('embedding: others');
    const { code, stdout } = await check();
    expect(stdout).toMatch(/^near: other-embedding: it is embedded with words .*, and collections.yaml says others /);
    expect(code).toBe(1);
    say('embedding: none');
    expect((await run('collections', 'refresh', 'near')).code).toBe(0);
    expect((await run('collections', 'show', 'near')).stdout).toMatch(/^vectors +none: it is searched by words only$/m);
    say('embedding: absent');
    const malformed = await run('ingest', embedded, '--collection', 'near');
    expect(malformed.stderr).toContain('collections.near.embedding: absent is not among embeddings of models.yaml');
    expect(server.texts).toHaveLength(1);
  });

  it('are checked by exit code: stale, then drifted, then as they should be, then of a folder that is gone', async () => {
    const check = async () => await stack.run(['check', 'index', '--collection', 'looked-after']);
    expect(await check()).toMatchObject({
      code: 1,
      stdout: 'looked-after: stale: 1 of its documents hold no longer, such as old.md\n',
    });
    rmSync(join(folder, 'old.md'));
    expect((await check()).stdout).toContain('drifted: its folder has 0 documents more, 0 others and 1 fewer');
    const refreshed = await stack.run(['collections', 'refresh', 'looked-after', '--strict']);
    expect(refreshed).toMatchObject({ code: 0, stdout: expect.stringContaining('1 removed') as string });
    expect(await check()).toMatchObject({
      code: 0,
      stdout: 'looked-after: 1 documents in 1 chunks, as they should be\n',
    });
    rmSync(folder, { recursive: true });
    expect((await check()).code).toBe(2);
    expect((await stack.run(['check', 'index', '--collection', 'none'])).code).toBe(1);
  });

  it('are refreshed by a schedule, and dropped when that is meant', async () => {
    const refresh = async (every: string) =>
      await stack.run(['collections', 'refresh', 'looked-after', '--every', every]);
    expect(await refresh('1h')).toMatchObject({ code: 0, stdout: 'looked-after: every 60 min\n' });
    expect((await stack.run(['collections', 'list'])).stdout).toMatch(/^looked-after .* every 60 min$/m);
    expect((await refresh('now and then')).code).toBe(64);
    expect(await stack.run(['collections', 'drop', 'looked-after'])).toMatchObject({ code: 64, stdout: '' });
    expect((await stack.run(['collections', 'drop', 'looked-after', '--yes'])).code).toBe(0);
    expect((await stack.run(['collections', 'list'])).stdout).not.toContain('looked-after');
  });
});
