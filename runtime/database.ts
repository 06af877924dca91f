// The connection to PostgreSQL. A pool whose connections act for one tenant at a time: PostgreSQL itself holds back the rows of
// others, by policies that read the setting made here. A connection that was lost is thrown away, with whatever ran on it.
import type { Duplex } from 'node:stream';
import pg from 'pg';
import type { Config } from './config.ts';
import { roleName } from './config.ts';
import { createListener } from './listener.ts';
import { Fragment, Identifiers, Inserts, statementOf } from './sql.ts';

/** What policies read; without it every statement on a table of tenants fails. */
const TENANT_SETTING = 'countersign.tenant';
const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_MS = 5 * 60_000;
/** After this time statements under way are cut off by `end`. */
const END_TIMEOUT_MS = 5_000;

export type Row = Readonly<Record<string, unknown>>;
/** The rows of a statement; `count`: how many it gave or changed. */
export type Rows<T extends readonly object[]> = T & { readonly count: number };

/** As much of the driver's connection as COPY needs: its own types stay inside. */
export interface CopyConnection {
  query<T>(stream: T): T;
}

/** What can be said in a transaction. */
export interface Transaction {
  /** Runs a statement. Each value is a parameter, but for what the methods below make. */
  <T extends readonly object[] = Row[]>(
    template: TemplateStringsArray,
    ...values: readonly unknown[]
  ): Promise<Rows<T>>;
  /** Names of tables or columns. */
  (names: string | readonly string[]): Identifiers;
  /** A part of a statement. */
  fragment(template: TemplateStringsArray, ...values: readonly unknown[]): Fragment;
  /** Columns and values of an insert. */
  rows(rows: readonly Readonly<Record<string, unknown>>[]): Inserts;
  /** A value for a column of JSON. */
  json(value: unknown): string;
  /** A text that is nobody's input: a migration, for example. Without values it may have several statements. */
  unsafe(text: string, values?: readonly unknown[]): Promise<Rows<Row[]>>;
  /** The connection itself, for COPY. */
  readonly connection?: CopyConnection;
}

export interface Sql extends Transaction {
  /** One transaction on one connection: kept when `work` resolves, rolled back when it rejects. */
  begin<T>(work: (tx: Transaction) => Promise<T>, isolation?: 'repeatable read, read only'): Promise<T>;
}

/** A pool with an end. */
export interface ConnectedSql extends Sql {
  /** Waits five seconds for statements under way. */
  end(): Promise<void>;
}

export interface ConnectOptions extends Pick<Config, 'databaseUrl' | 'databaseRole'> {
  /** Connections kept by this process. @default 10 */
  readonly maxConnections?: number;
}

export interface Database {
  /**
   * What one tenant has. Row-level security keeps the rows of others out, whatever the statement says; the owner sees them all.
   */
  of(tenant: string): Sql;
  /** For what belongs to no tenant, and for the owner. For other roles, a statement on a table of tenants fails here. */
  readonly all: Sql;
  /**
   * Calls back for each NOTIFY, on one connection for all channels. `listening` is called whenever it listens anew: something may have
   * been said in between. Rejects when the first connection fails; later ones are tried until `end`.
   */
  listen(channel: string, heard: (payload: string) => void, listening: () => void): Promise<void>;
  end(): Promise<void>;
}

/** Acts as one database role, whatever user logs in. Connects at the first statement. The caller ends it. */
export function openDatabase(options: ConnectOptions): Database {
  const settings = settingsOf(options);
  const pool = new pg.Pool({
    ...settings,
    max: options.maxConnections ?? 10,
    idleTimeoutMillis: IDLE_MS,
    keepAlive: true,
  });
  // One that was lost while idle: the next statement gets another.
  pool.on('error', () => {});
  const clients = new Set<pg.PoolClient>();
  pool.on('connect', (client) => {
    clients.add(client);
    // Whoever waits for a statement on it hears of it by that statement.
    client.on('error', () => {});
  });
  pool.on('remove', (client) => clients.delete(client));
  /** For whom a connection acts. */
  const acting = new WeakMap<pg.PoolClient, string>();
  const listener = createListener(settings);
  let ending: Promise<void> | undefined;

  async function using<T>(tenant: string, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let spoilt = false;
    try {
      if (options.databaseRole !== 'owner' && (acting.get(client) ?? '') !== tenant) {
        spoilt = true;
        await client.query('select set_config($1, $2, false)', [TENANT_SETTING, tenant]);
        acting.set(client, tenant);
        spoilt = false;
      }
      return await work(client);
    } catch (error) {
      spoilt ||= error instanceof RollbackFailed;
      throw error instanceof RollbackFailed ? error.cause : error;
    } finally {
      client.release(spoilt);
    }
  }

  const sqlOf = (tenant: string): Sql =>
    Object.assign(
      surface((statement) => using(tenant, async (client) => await send(client, statement))),
      {
        begin: async <T>(work: (tx: Transaction) => Promise<T>, isolation?: string) =>
          await using(tenant, async (client) => await transact(client, work, isolation)),
      },
    );

  async function endNow(): Promise<void> {
    await listener.end();
    let late: NodeJS.Timeout | undefined;
    const cutOff = new Promise<void>((resolve) => {
      late = setTimeout(() => {
        for (const client of clients) socketOf(client).destroy();
        resolve();
      }, END_TIMEOUT_MS);
    });
    await Promise.race([pool.end(), cutOff]);
    clearTimeout(late);
  }

  return {
    of: sqlOf,
    all: sqlOf(''),
    listen: listener.listen,
    // Once, however often it is asked for.
    end: () => (ending ??= endNow()),
  };
}

/** {@link openDatabase} for what needs no tenants. The caller ends it. */
export function connectDatabase(options: ConnectOptions): ConnectedSql {
  const { all, end } = openDatabase(options);
  return Object.assign(all, { end });
}

/** What statements need of a database. */
export type Tables = Pick<Database, 'of' | 'all'>;

/** A pool of the owner as one: nothing is held back from it. It stays the caller's. */
export function ownerDatabase(sql: Sql): Tables {
  return { of: () => sql, all: sql };
}

function settingsOf({ databaseUrl, databaseRole }: ConnectOptions): pg.ClientConfig {
  // Migrations run as whoever logs in; everybody else gives up what the login may do beyond its role.
  const role = databaseRole === 'owner' ? '' : ` -c role=${roleName(databaseRole)}`;
  return {
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: `countersign-${databaseRole}`,
    options: `-c search_path=countersign${role}`,
  };
}

/** The driver offers no other way to end what does not answer. */
const socketOf = (client: pg.PoolClient): Duplex =>
  (client as unknown as { readonly connection: { readonly stream: Duplex } }).connection.stream;

interface Sending {
  readonly text: string;
  readonly values?: readonly unknown[];
  readonly name?: string;
}

async function send(client: pg.ClientBase, { text, values, name }: Sending): Promise<Rows<Row[]>> {
  const result = await client.query({
    text,
    ...(values !== undefined && { values: [...values] }),
    ...(name !== undefined && { name }),
  });
  // Several statements in one text give a result each: they are for their effects.
  const { rows, rowCount } = Array.isArray(result) ? { rows: [], rowCount: 0 } : result;
  // Beside the rows, not one of them: rows compare as an array does.
  return Object.defineProperty(rows, 'count', { value: rowCount ?? 0 }) as Rows<Row[]>;
}

function surface(run: (statement: Sending) => Promise<Rows<Row[]>>): Transaction {
  const sql = (first: TemplateStringsArray | string | readonly string[], ...values: readonly unknown[]) => {
    if (typeof first === 'string') return new Identifiers([first]);
    return isTemplate(first) ? run(statementOf(first, values)) : new Identifiers(first);
  };
  const more: Pick<Transaction, 'fragment' | 'rows' | 'json' | 'unsafe'> = {
    fragment: (template, ...values) => new Fragment(template, values),
    rows: (rows) => new Inserts(rows),
    json: (value) => JSON.stringify(value),
    unsafe: async (text, values) => await run({ text, ...(values !== undefined && { values }) }),
  };
  return Object.assign(sql, more) as Transaction;
}

const isTemplate = (first: TemplateStringsArray | readonly string[]): first is TemplateStringsArray => 'raw' in first;

/** The connection is of no use any more; `cause` is why the transaction failed. */
class RollbackFailed extends Error {}

async function transact<T>(client: pg.PoolClient, work: (tx: Transaction) => Promise<T>, isolation = ''): Promise<T> {
  await client.query(isolation === '' ? 'begin' : `begin isolation level ${isolation}`);
  try {
    const result = await work(
      Object.assign(
        surface((statement) => send(client, statement)),
        { connection: client as CopyConnection },
      ),
    );
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {
      throw new RollbackFailed('rollback', { cause: error });
    });
    throw error;
  }
}
