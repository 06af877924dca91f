// The embedded PostgreSQL, for real: in a 0700 folder, as whoever runs the tests (root included).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { startPostgres } from '../../../cli/stack/embedded-postgres.ts';
import { pickPort } from '../../../cli/stack/ports.ts';
import { findPostgresBinaries, findRunner } from '../../../cli/stack/postgres-binaries.ts';
import { identify, isSame } from '../../../cli/stack/process-identity.ts';
import type { Sql } from '../../../runtime/database.ts';
import { connectDatabase } from '../../../runtime/database.ts';
import { migrate } from '../../../runtime/migrate.ts';
import { useDatabase } from '../../support/services.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const folder = useTempFolder();
const database = useDatabase();
const IS_ROOT = process.getuid?.() === 0;
const MODULE = new URL('../../../cli/stack/embedded-postgres.ts', import.meta.url).href;

describe('the embedded PostgreSQL', () => {
  test('starts in a folder that only its owner may enter, keeps data between starts, and its secrets to itself', async () => {
    expect(statSync(folder.path).mode & 0o777).toBe(0o700);
    const home = folder.file('kept');
    const first = await startPostgres({ home, port: await pickPort() });
    await using(first.url('owner'), (sql) => sql`create table public.note as select 'kept' as text`);
    await first.stop();
    expect(statSync(`${home}/secrets.json`).mode & 0o777).toBe(0o600);

    const second = await startPostgres({ home, port: await pickPort() });
    try {
      expect(second.recovered).toBe(false);
      expect(await using(second.url('owner'), (sql) => sql`select text from public.note`)).toEqual([{ text: 'kept' }]);
    } finally {
      await second.stop();
    }
  });

  test('hands none of our environment to the server', async () => {
    const home = folder.file('environment');
    const server = await startPostgres({ home, port: await pickPort() });
    try {
      const file = `/proc/${server.pid}/environ`;
      if (!existsSync(file)) return;
      const names = readFileSync(file, 'utf8')
        .split('\0')
        .filter(Boolean)
        .map((entry) => entry.split('=', 1)[0]);
      expect(names.sort()).toEqual(['LANG', 'LC_ALL', 'PATH', 'TZ']);
    } finally {
      await server.stop();
    }
  });

  test('takes another port when the wanted one is taken', async () => {
    const port = await pickPort();
    const stranger = createServer().listen(port, '127.0.0.1');
    await once(stranger, 'listening');
    const server = await startPostgres({ home: folder.file('port'), port });
    expect(server.port).not.toBe(port);
    await server.stop();
    stranger.close();
  });

  test('stops a server whose parent was killed, and starts on its data', async () => {
    const home = folder.file('orphan');
    const code = `const { startPostgres } = await import(${JSON.stringify(MODULE)});
      const server = await startPostgres({ home: ${JSON.stringify(home)}, port: ${await pickPort()} });
      console.log(server.pid); setInterval(() => {}, 1e6);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const orphan = identify(Number(line.toString()));
    if (orphan === undefined) throw new Error('the server is not there');
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    expect(isSame(orphan)).toBe(true);

    const server = await startPostgres({ home, port: await pickPort() });
    try {
      expect(server.recovered).toBe(true);
      expect(isSame(orphan)).toBe(false);
    } finally {
      await server.stop();
    }
  });

  test('a first start that was cut short is begun anew', async () => {
    const home = folder.file('half');
    mkdirSync(`${home}/postgres.tmp/base`, { recursive: true });
    writeFileSync(`${home}/postgres.tmp/PG_VERSION`, '18\n');
    const server = await startPostgres({ home, port: await pickPort() });
    await server.stop();
    expect(existsSync(`${home}/postgres.tmp`)).toBe(false);
  });

  test('a postmaster.pid whose number is now another process does not keep it from starting', async () => {
    const home = folder.file('pid');
    await (await startPostgres({ home, port: await pickPort() })).stop();
    writeFileSync(`${home}/postgres/postmaster.pid`, `${process.pid}\n${home}/postgres\n`);
    const server = await startPostgres({ home, port: await pickPort() });
    expect(server.recovered).toBe(false);
    await server.stop();
  });

  test('refuses data of another PostgreSQL version, and a folder that is something else', async () => {
    const older = folder.file('older');
    mkdirSync(`${older}/postgres`, { recursive: true });
    await expect(startPostgres({ home: older })).rejects.toThrow('is not a PostgreSQL data folder');
    writeFileSync(`${older}/postgres/PG_VERSION`, '15\n');
    await expect(startPostgres({ home: older })).rejects.toThrow('was written by PostgreSQL 15');
  });

  test('a normal user runs it as they are, and root as somebody else', async () => {
    const binaries = findPostgresBinaries();
    const runner = await findRunner(binaries, { home: folder.file('environment') });
    const asSomebodyElse = runner.prefix.includes('unshare') || runner.user !== undefined;
    expect(asSomebodyElse).toBe(IS_ROOT);
  });

  test('root without user namespaces runs it as nobody, where nobody may enter', async () => {
    const open = mkdtempSync('/tmp/countersign-');
    chmodSync(open, 0o755);
    try {
      const server = await startPostgres({ home: open, port: await pickPort(), ways: ['other-user'] });
      expect(await using(server.url('worker'), (sql) => sql`select 1 as one`)).toEqual([{ one: 1 }]);
      await server.stop();
    } finally {
      rmSync(open, { recursive: true, force: true });
    }
  });

  test('root without user namespaces is told what to do where nobody may enter', async () => {
    const start = startPostgres({ home: folder.file('closed'), port: await pickPort(), ways: ['other-user'] });
    // Nobody else needs another way.
    if (!IS_ROOT) return await (await start).stop();
    await expect(start).rejects.toMatchObject({
      message: expect.stringContaining('PostgreSQL refuses to run as root'),
      hint: expect.stringContaining('DATABASE_URL'),
    });
  });
});

describe('the roles of the database', () => {
  test('none of them is a superuser or may create others', async () => {
    const rows = await using(
      database.url('superuser'),
      (sql) => sql`
      select rolname, rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication as powerful
      from pg_roles where rolname like 'countersign%' order by 1`,
    );
    expect(rows).toEqual(
      ['exporter', 'gateway', 'owner', 'worker'].map((role) => ({ rolname: `countersign_${role}`, powerful: false })),
    );
  });

  test('a worker may read the start ledger and not change it', async () => {
    const sql = database.db('worker').of('default');
    expect(await sql`select count(*)::int as n from start_ledger`).toEqual([{ n: 0 }]);
    await expect(sql`update start_ledger set requester = 'x'`).rejects.toThrow('permission denied');
    await expect(sql`delete from start_ledger`).rejects.toThrow('permission denied');
    await expect(sql`update traces set outcome = 'x'`).rejects.toThrow('permission denied');
  });

  test('a wrong password is refused', async () => {
    const url = new URL(database.url('worker'));
    url.password = 'guess';
    await expect(using(url.href, (sql) => sql`select 1`)).rejects.toThrow('password authentication failed');
  });

  test('a database with a migration of a newer version is refused, and left as it is', async () => {
    const owner = connectDatabase({ databaseUrl: database.url('owner'), databaseRole: 'owner', maxConnections: 1 });
    try {
      await owner`insert into public.countersign_migrations (id, name, hash) values (9999, '9999-future.sql', 'x')`;
      await expect(migrate(owner)).rejects.toThrow('The database has migration 9999-future.sql');
    } finally {
      await owner`delete from public.countersign_migrations where id = 9999`;
      await owner.end();
    }
  });
});

async function using<T>(url: string, use: (sql: Sql) => PromiseLike<T>): Promise<T> {
  const sql = connectDatabase({ databaseUrl: url, databaseRole: 'owner', maxConnections: 1 });
  try {
    return await use(sql);
  } finally {
    await sql.end();
  }
}
