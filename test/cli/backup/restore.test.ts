// Backups and restores of homes without a stack, in this process: what comes back, and what is refused before anything is touched.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createBackup } from '../../../cli/backup/create.ts';
import { tableFile } from '../../../cli/backup/manifest.ts';
import { withPostgres } from '../../../cli/backup/open-ledger.ts';
import { restoreBackup } from '../../../cli/backup/restore.ts';
import { prepareHome } from '../../../cli/stack/home.ts';
import { lockHome } from '../../../cli/stack/lock.ts';
import { ownerDatabase } from '../../../runtime/database.ts';
import { createKeyProvider, newKey, runKeyContext } from '../../../runtime/keys/index.ts';
import { createTenantKeys } from '../../../runtime/keys/tenant-keys.ts';
import { listMigrations } from '../../../runtime/migrate.ts';
import {
  backUp,
  editManifest,
  eventsIn,
  filesOf,
  logLines,
  makeHome,
  restore,
  setEvents,
} from '../../support/homes.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const temp = useTempFolder();
const home = temp.file('home');
const [withKeys, withoutKeys] = [temp.file('with-keys'), temp.file('without-keys')];
const LINES = 20_000;

let targets = 0;
const newTarget = (): string => temp.file(`target-${++targets}`);

/** A copy of a backup, to be spoilt. */
function copyOf(folder: string): string {
  const copy = temp.file(`copy-${++targets}`);
  cpSync(folder, copy, { recursive: true });
  return copy;
}

const providerOf = (folder: string) =>
  createKeyProvider({
    keyFiles: { kek: join(folder, 'keys', 'kek.json'), assertionPrivate: '', assertionPublic: '' },
  });

beforeAll(async () => {
  await makeHome(home, async (sql) => {
    await createTenantKeys(ownerDatabase(sql), providerOf(home)).current('default');
    await sql`insert into start_ledger (run_id, tenant, kind, requester, request_hash, task_queue)
      values ('default/answer/1', 'default', 'answer', 'me', 'h', 'q')`;
    await sql`insert into run_keys (run_id, tenant, tenant_key, wrapped) values ('default/answer/1', 'default', 1, ${Buffer.from([0, 255])})`;
    await sql`insert into releases (tenant, digest, name, version, body, published_by)
      values ('default', 'd', 'n', '1', ${sql.json({ text: 'a\tb\nc\\d “é”' })}, 'me')`;
    await logLines(sql, LINES);
  });
  await backUp(home, withKeys);
  await backUp(home, withoutKeys, false);
});

describe('a backup of a stopped stack', () => {
  it('is a folder for its owner only, with a manifest that names every file', () => {
    expect(existsSync(`${withKeys}.partial`)).toBe(false);
    expect(statSync(withKeys).mode & 0o777).toBe(0o700);
    for (const file of filesOf(withKeys)) expect(statSync(join(withKeys, file)).mode & 0o777, file).toBe(0o600);
    const manifest = JSON.parse(readFileSync(join(withKeys, 'manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({
      v: 1,
      countersign: expect.stringMatching(/^\d+\.\d+\.\d+/),
      migrations: listMigrations().map(({ id, name }) => ({ id, name, hash: expect.stringMatching(/^sha256:/) })),
      keys: { included: true },
    });
    expect(manifest.tables).toContainEqual({
      name: 'countersign.security_log',
      columns: ['id', 'at', 'tenant', 'run_id', 'approval_id', 'event', 'reason', 'via'],
      rows: LINES,
      bytes: statSync(join(withKeys, tableFile('countersign.security_log'))).size,
      sha256: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    const named = [
      'manifest.json',
      'temporal.db',
      ...manifest.tables.map(({ name }: { name: string }) => tableFile(name)),
      ...manifest.keys.files.map(({ path }: { path: string }) => join('key-files', path)),
    ];
    expect(filesOf(withKeys)).toEqual(named.sort());
    expect(named).toEqual(
      expect.arrayContaining([
        'key-files/keys/kek.json',
        'key-files/approvers.json',
        'ledger/public.countersign_migrations.copy.gz',
      ]),
    );
  });

  it('holds no key unless it was asked for them', () => {
    expect(filesOf(withoutKeys).filter((file) => file.startsWith('key-files'))).toEqual([]);
    const kek = JSON.parse(readFileSync(join(home, 'keys', 'kek.json'), 'utf8')).keys[0].key;
    for (const file of filesOf(withoutKeys)) expect(readFileSync(join(withoutKeys, file), 'latin1')).not.toContain(kek);
  });

  it('leaves the home unlocked and its database stopped', () => {
    expect(existsSync(join(home, 'lock'))).toBe(false);
    expect(existsSync(join(home, 'postgres', 'postmaster.pid'))).toBe(false);
  });

  it('is refused where something is in the way, which stays as it was', async () => {
    await expect(backUp(home, withKeys)).rejects.toThrow(`${withKeys} exists and is not an empty folder`);
    const file = temp.file('a-file');
    writeFileSync(file, 'mine');
    await expect(backUp(home, file)).rejects.toThrow(`${file} exists and is not an empty folder`);
    expect(readFileSync(file, 'utf8')).toBe('mine');
    const begun = temp.file('begun');
    mkdirSync(`${begun}.partial`);
    await expect(backUp(home, begun)).rejects.toThrow(
      `${begun}.partial is there: a backup that is under way, or was killed`,
    );
    expect(existsSync(begun)).toBe(false);
  });

  it('goes into a folder that is empty', async () => {
    const empty = temp.file('empty');
    mkdirSync(empty);
    await backUp(home, empty, false);
    expect(existsSync(join(empty, 'manifest.json'))).toBe(true);
  });

  it('of a home without data is refused, and nothing is made', async () => {
    const folder = temp.file('of-nothing');
    await expect(backUp(temp.file('nobody'), folder)).rejects.toThrow(/^There is nothing to back up in .*nobody/);
    expect([existsSync(folder), existsSync(`${folder}.partial`), existsSync(temp.file('nobody'))]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('that is stopped half-way leaves nothing of itself, and no database running', async () => {
    const folder = temp.file('stopped');
    const stop = new AbortController();
    const onProgress = (text: string): void => {
      if (text.endsWith('countersign.security_log')) stop.abort(new Error('stopped by hand'));
    };
    await expect(createBackup({ folder, home, withKeys: true, signal: stop.signal, onProgress })).rejects.toThrow();
    expect(stop.signal.aborted).toBe(true);
    expect([existsSync(folder), existsSync(`${folder}.partial`)]).toEqual([false, false]);
    expect([existsSync(join(home, 'lock')), existsSync(join(home, 'postgres', 'postmaster.pid'))]).toEqual([
      false,
      false,
    ]);
  });

  it('that fails leaves no half of itself', async () => {
    const broken = temp.file('broken');
    mkdirSync(join(broken, 'postgres'), { recursive: true });
    writeFileSync(
      join(broken, 'temporal.db'),
      'no database, and longer than any header of one would have to be'.repeat(20),
    );
    const folder = temp.file('never');
    await expect(backUp(broken, folder)).rejects.toThrow();
    expect([existsSync(folder), existsSync(`${folder}.partial`)]).toEqual([false, false]);
  });
});

/** Each makes a database of its own. */
describe('a restore', { timeout: 120_000 }, () => {
  it('brings every row back, and numbers go on where they were', async () => {
    const target = newTarget();
    const restored = await restore(withKeys, target);
    expect(restored).toMatchObject({ applied: [], erasedAgain: 0, replaced: undefined });
    expect(eventsIn(join(target, 'temporal.db'))).toEqual([home]);
    expect(statSync(join(target, 'temporal.db')).mode & 0o777).toBe(0o600);
    for (const file of ['keys/kek.json', 'approvers.json']) {
      expect(readFileSync(join(target, file), 'utf8')).toBe(readFileSync(join(home, file), 'utf8'));
    }
    const rowsIn = async (folder: string) =>
      await withPostgres(folder, async (sql) => ({
        log: await sql`select count(*)::int as rows, max(id)::int as last, md5(string_agg(l::text, '|' order by id)) from security_log l`,
        releases: await sql`select * from releases`,
        keys: await sql`select * from run_keys`,
        migrations: await sql`select * from public.countersign_migrations order by id`,
      }));
    const rows = await rowsIn(target);
    expect(rows).toEqual(await rowsIn(home));
    expect(rows.log).toMatchObject([{ rows: LINES, last: LINES }]);
    await withPostgres(target, async (sql) => {
      await logLines(sql, 1);
      expect(await sql`select max(id)::int as last from security_log`).toEqual([{ last: LINES + 1 }]);
    });
    expect(readdirSync(target).filter((name) => /restoring|replaced|lock/.test(name))).toEqual([]);
  });

  it('is refused over data, and with --replace asks them what was erased, and moves them aside', async () => {
    const target = newTarget();
    cpSync(home, target, { recursive: true });
    setEvents(join(target, 'temporal.db'), target);
    writeFileSync(join(target, 'keys', 'kek.json'), '{"of":"the target"}');
    const before = filesOf(target).filter((file) => !file.startsWith('logs'));
    await expect(restore(withKeys, target)).rejects.toMatchObject({
      message: `${target} has data, and nothing was restored over them`,
      hint: expect.stringContaining('--replace'),
    });
    expect(filesOf(target).filter((file) => !file.startsWith('logs'))).toEqual(before);
    const oldKek = readFileSync(join(target, 'keys/kek.json'), 'utf8');

    // Copied folders are as open as others are, and PostgreSQL starts on none of those.
    await expect(restore(withKeys, target, { replace: true })).rejects.toMatchObject({
      message: expect.stringContaining('cannot be asked what was erased since the backup: PostgreSQL did not start'),
      hint: expect.stringContaining(`move ${join(target, 'postgres')} away`),
    });
    expect(eventsIn(join(target, 'temporal.db'))).toEqual([target]);
    chmodSync(join(target, 'postgres'), 0o700);
    for (const end of ['-shm', '-wal']) writeFileSync(join(target, `temporal.db${end}`), '');

    const { replaced } = await restore(withKeys, target, { replace: true });
    expect(replaced).toMatch(/target-\d+\/replaced-\d{8}T/);
    // A write-ahead log that was left behind would be taken for the new database's.
    const moved = [
      'approvers.json',
      'keys',
      'postgres',
      'secrets.json',
      'temporal.db',
      'temporal.db-shm',
      'temporal.db-wal',
    ];
    expect(readdirSync(replaced ?? '').sort()).toEqual(moved);
    expect(eventsIn(join(replaced ?? '', 'temporal.db'))).toEqual([target]);
    expect(readFileSync(join(replaced ?? '', 'keys/kek.json'), 'utf8')).toBe(oldKek);
    expect(eventsIn(join(target, 'temporal.db'))).toEqual([home]);
    expect(await withPostgres(target, (sql) => sql`select count(*)::int as n from security_log`)).toEqual([
      { n: LINES },
    ]);
  });

  it('is refused while somebody works on the home', async () => {
    const target = newTarget();
    const lock = lockHome(target);
    try {
      await expect(restore(withKeys, target)).rejects.toThrow(`A stack runs on ${target} (pid ${process.pid})`);
      expect(readdirSync(target)).toEqual(['lock']);
    } finally {
      lock.release();
    }
  });

  it.each([
    ['rows of a table', tableFile('countersign.security_log')],
    ['histories', 'temporal.db'],
    ['keys', 'key-files/keys/kek.json'],
  ])('is refused when one byte of the %s is another', async (_, file) => {
    const copy = copyOf(withKeys);
    const bytes = readFileSync(join(copy, file));
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(join(copy, file), bytes);
    const target = newTarget();
    await expect(restore(copy, target)).rejects.toThrow(
      `The backup is damaged: ${join(copy, file)} is not as it was written`,
    );
    expect(existsSync(target)).toBe(false);
  });

  it('is refused when a file is missing, or the manifest is, or is no manifest', async () => {
    const copy = copyOf(withKeys);
    const target = newTarget();
    rmSync(join(copy, tableFile('countersign.traces')));
    await expect(restore(copy, target)).rejects.toThrow(/traces\.copy\.gz is missing$/);
    writeFileSync(join(copy, 'manifest.json'), '{"v":1}');
    await expect(restore(copy, target)).rejects.toThrow(/manifest\.json is damaged: createdAt: /);
    writeFileSync(join(copy, 'manifest.json'), '{"v":2}');
    await expect(restore(copy, target)).rejects.toThrow('has format 2, and this version of countersign reads format 1');
    rmSync(join(copy, 'manifest.json'));
    await expect(restore(copy, target)).rejects.toThrow(`${copy} is not a whole backup`);
    expect(existsSync(target)).toBe(false);
  });

  it('is refused when the manifest names a path that leads out of the folder', async () => {
    const copy = copyOf(withKeys);
    editManifest(copy, ({ keys }) => {
      keys.files.push({ path: 'keys/../../outside', bytes: 0, sha256: `sha256:${'0'.repeat(64)}` });
    });
    await expect(restore(copy, newTarget())).rejects.toThrow(/manifest\.json is damaged: keys\.files\.\d+\.path/);
  });

  it('of a newer version, or of an edited migration, is refused', async () => {
    const copy = copyOf(withKeys);
    const target = newTarget();
    editManifest(copy, ({ migrations }) => migrations.push({ id: 9999, name: '9999-future.sql', hash: 'x' }));
    await expect(restore(copy, target)).rejects.toMatchObject({
      message: 'The backup has migration 9999-future.sql, which this version of countersign does not know',
      hint: expect.stringContaining('a newer one'),
    });
    editManifest(copy, ({ migrations }) => {
      migrations.splice(1, Infinity, { id: 2, name: '0002-funnel.sql', hash: 'x' });
    });
    await expect(restore(copy, target)).rejects.toThrow('Migration 0002-funnel.sql of the backup reads otherwise');
    expect(existsSync(target)).toBe(false);
  });

  it('that counts other rows than the manifest puts nothing in place', async () => {
    const copy = copyOf(withKeys);
    editManifest(copy, ({ tables }) => {
      const log = tables.find(({ name }) => name === 'countersign.security_log');
      if (log !== undefined) log.rows -= 1;
    });
    const target = newTarget();
    await expect(restore(copy, target)).rejects.toThrow(
      `countersign.security_log has ${LINES} rows after loading, and the manifest says ${LINES - 1}`,
    );
    expect(readdirSync(target)).toEqual([]);
  });

  it('that is stopped half-way puts nothing in place, and leaves no database running', async () => {
    const target = newTarget();
    const stop = new AbortController();
    const onProgress = (text: string): void => {
      if (text.endsWith('countersign.security_log')) stop.abort(new Error('stopped by hand'));
    };
    await expect(
      restoreBackup({ folder: withKeys, home: target, env: {}, signal: stop.signal, onProgress }),
    ).rejects.toThrow();
    expect(stop.signal.aborted).toBe(true);
    expect(readdirSync(target)).toEqual([]);
  });

  it('whose rows do not belong together puts nothing in place', async () => {
    const copy = copyOf(withKeys);
    // No runs in the place of the runs: the rows of their keys then point to nothing.
    const to = 'countersign.start_ledger';
    editManifest(copy, ({ tables }) => {
      const ledger = tables.find(({ name }) => name === to);
      const other = tables.find(({ rows }) => rows === 0);
      if (ledger === undefined || other === undefined) throw new Error('no such tables');
      cpSync(join(copy, tableFile(other.name)), join(copy, tableFile(to)));
      Object.assign(ledger, { rows: 0, bytes: other.bytes, sha256: other.sha256 });
    });
    const target = newTarget();
    await expect(restore(copy, target)).rejects.toThrow('PostgreSQL refused the rows of countersign.run_keys');
    expect(readdirSync(target)).toEqual([]);
  });

  it('of a backup made before the last migrations brings it forward', async () => {
    const older = temp.file('older');
    const first = listMigrations().slice(0, 2);
    const wrapped = async (folder: string) => await providerOf(folder).wrap(runKeyContext('old'), newKey());
    await makeHome(
      older,
      async (sql) => {
        const { keyId, wrapped: key } = await wrapped(older);
        await sql`insert into start_ledger (run_id, tenant, kind, requester, request_hash, task_queue)
          values ('old', 'default', 'answer', 'me', 'h', 'q')`;
        await sql`insert into run_keys (run_id, tenant, kek_id, wrapped) values ('old', 'default', ${keyId}, ${Buffer.from(key)})`;
        await logLines(sql, 3);
      },
      first,
    );
    const folder = temp.file('of-older');
    const { manifest } = await backUp(older, folder, false);
    expect(manifest.migrations).toHaveLength(2);

    const target = newTarget();
    await makeEmptyHome(target);
    await expect(restore(folder, target)).rejects.toThrow(
      `The keys at hand (${join(target, 'keys/kek.json')}) do not open`,
    );
    const env = { COUNTERSIGN_KEK_FILE: join(older, 'keys', 'kek.json') };
    const { applied } = await restore(folder, target, { env });
    expect(applied).toEqual(
      listMigrations()
        .slice(2)
        .map(({ name }) => name),
    );
    await withPostgres(target, async (sql) => {
      expect(await sql`select id::int from public.countersign_migrations order by id`).toEqual(
        listMigrations().map(({ id }) => ({ id })),
      );
      expect(await sql`select run_id, tenant_key from run_keys`).toEqual([{ run_id: 'old', tenant_key: null }]);
      expect(await sql`select count(*)::int as n from security_log`).toEqual([{ n: 3 }]);
    });
  });
});

describe('a restore of a backup without keys', { timeout: 120_000 }, () => {
  it('says so where the home has none, and puts nothing in place', async () => {
    const target = newTarget();
    await expect(restore(withoutKeys, target)).rejects.toMatchObject({
      message: `The backup comes without its keys, and there are none in ${join(target, 'keys/kek.json')}: nothing in it could be read`,
      hint: expect.stringContaining(`into ${target}`),
    });
    expect(existsSync(target)).toBe(false);
  });

  it('says so where the home has those of another stack, and goes in once it has the right ones', async () => {
    const target = newTarget();
    await makeEmptyHome(target);
    const before = readdirSync(target);
    await expect(restore(withoutKeys, target)).rejects.toThrow(
      `The keys at hand (${join(target, 'keys/kek.json')}) do not open this backup: `,
    );
    expect(readdirSync(target)).toEqual(before);

    cpSync(join(home, 'keys'), join(target, 'keys'), { recursive: true });
    expect(await restore(withoutKeys, target)).toMatchObject({ replaced: undefined });
    expect(await withPostgres(target, (sql) => sql`select run_id from run_keys`)).toEqual([
      { run_id: 'default/answer/1' },
    ]);
  });
});

/** A home with keys of its own, and no data. */
async function makeEmptyHome(folder: string): Promise<void> {
  mkdirSync(folder, { mode: 0o700 });
  await prepareHome(folder);
}
