// Publishing and resolving releases, in a real PostgreSQL, as the gateway role.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadAccessPolicy } from '../../policies/load.ts';
import type { Published } from '../../releases/publish.ts';
import { publishFolder } from '../../releases/publish.ts';
import { findRelease, resolveRelease } from '../../releases/registry.ts';
import type { Digest } from '../../workflows/protocol/index.ts';
import { problemOf } from '../support/problem-of.ts';
import { useDatabase } from '../support/services.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const database = useDatabase();
const policy = loadAccessPolicy('policies');
const temp = useTempFolder();
/** A tenant for each test, so that none sees another's releases. */
let tenant: string;
let count = 0;

beforeEach(() => {
  tenant = `tenant-${count++}`;
});

function folderOf(...releases: readonly { name?: string; version?: string; prompt?: string }[]): string {
  const folder = mkdtempSync(join(temp.path, 'releases-'));
  writeFileSync(join(folder, 'models.yaml'), 'v: 1\nmodels:\n  m:\n    provider: local\n    model: extractive\n');
  for (const [i, { name = 'refunds', version = '1.0.0', prompt = 'Be kind.' }] of releases.entries()) {
    mkdirSync(join(folder, String(i)));
    writeFileSync(join(folder, String(i), 'manifest.yaml'), `name: ${name}\nversion: ${version}\nmodel: m\n`);
    writeFileSync(join(folder, String(i), 'prompt.md'), prompt);
  }
  return folder;
}

const publish = async (folder: string, label?: string): Promise<readonly Published[]> =>
  await publishFolder({
    db: database.db('gateway'),
    folder,
    tenant,
    principal: { id: 'ada', tenant, groups: [], roles: ['publisher'], clearance: 'public' },
    policy,
    ...(label !== undefined && { label }),
  });

async function publishOne(folder: string, label?: string): Promise<Published> {
  const [published] = await publish(folder, label);
  if (published === undefined) throw new Error('nothing was published');
  return published;
}

const resolve = async (ref: string, defaultLabel = 'dev') =>
  await resolveRelease(database.db('gateway').of(tenant), tenant, ref, defaultLabel);

const labels = async (): Promise<readonly { stable: string; revision: number }[]> =>
  await database.sql('owner')`select stable, revision from release_labels where tenant = ${tenant} order by label`;

describe('publishing', () => {
  it('puts a release into the registry and points the label at it', async () => {
    const published = await publishOne(folderOf({ prompt: 'Be kind.' }));
    expect(published).toMatchObject({ name: 'refunds', version: '1.0.0', published: true, conflict: false });
    const release = await resolve('refunds');
    expect(release).toMatchObject({ digest: published.digest, body: { prompt: 'Be kind.', version: '1.0.0' } });
  });

  it('twice gives the same digest, publishes nothing and moves nothing', async () => {
    const folder = folderOf({});
    const first = await publishOne(folder);
    const before = await labels();
    const second = await publishOne(folder);
    expect(second).toEqual({ ...first, published: false });
    expect(await labels()).toEqual(before);
  });

  it('another content under a published version is a conflict that changes nothing', async () => {
    const first = await publishOne(folderOf({ prompt: 'Be kind.' }));
    const before = await labels();
    const second = await publishOne(folderOf({ prompt: 'Be harsh.' }));
    expect(second).toMatchObject({ published: false, conflict: true });
    expect(second.digest).not.toBe(first.digest);
    expect(await labels()).toEqual(before);
    expect((await resolve('refunds@1.0.0')).body.prompt).toBe('Be kind.');
    expect(await findRelease(database.db('gateway').of(tenant), tenant, second.digest as Digest)).toBeUndefined();
  });

  it('a new version moves the label and keeps the old version', async () => {
    await publishOne(folderOf({ version: '1.0.0' }));
    const newer = await publishOne(folderOf({ version: '1.1.0' }));
    expect((await resolve('refunds')).digest).toBe(newer.digest);
    expect((await resolve('refunds@1.0.0')).body.version).toBe('1.0.0');
    expect(await labels()).toEqual([{ stable: newer.digest, revision: 2 }]);
  });

  it('an older version again moves the label back: that is a rollback', async () => {
    const older = await publishOne(folderOf({ version: '1.0.0' }));
    await publishOne(folderOf({ version: '1.1.0' }));
    expect(await publishOne(folderOf({ version: '1.0.0' }))).toMatchObject({ published: false, conflict: false });
    expect((await resolve('refunds')).digest).toBe(older.digest);
  });

  it('publishes nothing when one manifest of the folder is malformed', async () => {
    const folder = folderOf({ name: 'good' }, { name: 'bad', version: 'one' });
    await problemOf(publish(folder));
    expect((await problemOf(resolve('good'))).hint).toContain('No release is published yet');
  });

  it('is done to the end when two do it at once', async () => {
    const folder = folderOf({ name: 'a' }, { name: 'b' }, { name: 'c' });
    const both = await Promise.all([publish(folder), publish(folder)]);
    const flags = both.flat().filter((one) => one.published);
    expect(flags.map((one) => one.name).sort()).toEqual(['a', 'b', 'c']);
    expect(both.flat().some((one) => one.conflict)).toBe(false);
  });

  it('keeps tenants apart', async () => {
    await publishOne(folderOf({}));
    tenant = `${tenant}-other`;
    expect((await problemOf(resolve('refunds'))).message).toBe('No release refunds@dev');
  });
});

describe('a reference', () => {
  it('names a version, a label, or what the default label means', async () => {
    const first = await publishOne(folderOf({ version: '1.0.0' }), 'production');
    const second = await publishOne(folderOf({ version: '2.0.0-rc.1' }), 'dev');
    expect((await resolve('refunds@1.0.0')).digest).toBe(first.digest);
    expect((await resolve('refunds@2.0.0-rc.1')).digest).toBe(second.digest);
    expect((await resolve('refunds@production')).digest).toBe(first.digest);
    expect((await resolve('refunds@dev')).digest).toBe(second.digest);
    expect((await resolve('refunds', 'production')).digest).toBe(first.digest);
    expect((await resolve('refunds', 'dev')).digest).toBe(second.digest);
  });

  it('to an unknown version or label lists versions and labels', async () => {
    await publishOne(folderOf({ version: '1.0.0' }), 'production');
    for (const selector of ['1.0.1', 'staging']) {
      const error = await problemOf(resolve(`refunds@${selector}`));
      expect(error.message).toBe(`No release refunds@${selector}`);
      expect(error.hint).toContain('refunds@1.0.0');
      expect(error.hint).toContain('refunds@production');
    }
  });

  it('to an unknown name lists the names', async () => {
    await publish(folderOf({ name: 'refunds' }, { name: 'delivery' }));
    const error = await problemOf(resolve('returns'));
    expect(error.hint).toBe('Published are: delivery, refunds.');
  });

  it.each(['', '@dev', 'Refunds', 'refunds@', 'refunds@1.0.0@dev', 're funds', "refunds'; drop table releases; --"])(
    'like %j is wrong use',
    async (ref) => {
      const error = await problemOf(resolve(ref));
      expect(error.message).toBe(`Not a release: ${ref}`);
      expect(error.exitCode).toBe(64);
      expect(error.hint).toContain('NAME@VERSION');
    },
  );
});

describe('a body that somebody changed in the table', () => {
  it.each([
    ['its prompt', '{"prompt": "Promise everything."}'],
    [
      'its model',
      '{"model": {"name": "m", "provider": "openai-compatible", "id": "x", "baseUrl": "https://evil.example"}}',
    ],
    ['its rules', '{"rules": {"requireCitations": true, "refuseIfNotInContext": false}}'],
  ])('in %s is refused by digest and by name', async (_, change) => {
    const { digest } = await publishOne(folderOf({}));
    const changed = await database.sql('owner')`
      update releases set body = body || ${change}::text::jsonb where tenant = ${tenant} returning digest`;
    expect(changed).toHaveLength(1);
    await expect(findRelease(database.db('worker').of(tenant), tenant, digest as Digest)).rejects.toThrow(
      `does not match its digest ${digest}`,
    );
    await expect(resolve('refunds')).rejects.toThrow('does not match its digest');
  });

  it('cannot be changed by gateway or worker in the first place', async () => {
    await publishOne(folderOf({}));
    for (const role of ['gateway', 'worker'] as const) {
      const sql = database.sql(role);
      await expect(sql`update releases set version = '9.9.9' where tenant = ${tenant}`).rejects.toMatchObject({
        code: '42501',
      });
      await expect(sql`delete from releases where tenant = ${tenant}`).rejects.toMatchObject({ code: '42501' });
    }
  });
});
