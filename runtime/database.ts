// The connection to PostgreSQL. Statements are tagged templates only, so every value is a parameter.
import postgres from 'postgres';
import type { Config } from './config.ts';
import { roleName } from './config.ts';
import { createTenantPool, TENANT_SETTING } from './tenant-pool.ts';

export type Sql = postgres.Sql<Record<string, never>>;
/** What `begin` gives. */
export type Transaction = postgres.TransactionSql<Record<string, never>>;

export interface ConnectOptions extends Pick<Config, 'databaseUrl' | 'databaseRole'> {
  /** Connections kept by this process. @default 10 */
  readonly maxConnections?: number;
}

/** Statements of one tenant. Each runs at once, so a part of a statement cannot be made with it. */
export interface TenantSql extends Pick<Sql, 'json'> {
  <T extends readonly (object | undefined)[] = postgres.Row[]>(
    template: TemplateStringsArray,
    ...values: readonly postgres.ParameterOrFragment<never>[]
  ): Promise<postgres.RowList<T>>;
  /** Rows to insert. */
  rows(rows: readonly Readonly<Record<string, unknown>>[]): postgres.Helper<never>;
  begin<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
}

export interface Database {
  /**
   * What one tenant has. Row-level security keeps the rows of others out, whatever the statement says; the owner sees them all.
   */
  of(tenant: string): TenantSql;
  /** For what belongs to no tenant, and for the owner. For other roles, a statement on a table of tenants fails here. */
  readonly all: Sql;
  end(): Promise<void>;
}

/**
 * Opens a pool that acts as one database role, whatever user logs in. Connects at the first statement.
 * The caller ends it.
 */
export function openDatabase(options: ConnectOptions): Database {
  if (options.databaseRole === 'owner') return ownerDatabase(connectDatabase(options));
  const max = options.maxConnections ?? 10;
  const all = connectDatabase({ ...options, maxConnections: Math.ceil(max / 2) });
  const settings = { ...settingsOf(options), max: 1, max_lifetime: null };
  const tenants = createTenantPool((onclose) => postgres(options.databaseUrl, { ...settings, onclose }), max);

  function of(tenant: string): TenantSql {
    return tenantSql(all, {
      run: (statement) => tenants.run(tenant, statement),
      enter: (tx) => tx`select set_config(${TENANT_SETTING}, ${tenant}, true)`,
    });
  }

  return {
    of,
    all,
    async end() {
      await Promise.all([tenants.end(), all.end({ timeout: 5 })]);
    },
  };
}

/** The owner's pool as a database: its tables hold nothing back from it. */
export function ownerDatabase(all: Sql): Database {
  const of = tenantSql(all, { run: async (statement) => await statement(all), enter: async () => {} });
  return { of: () => of, all, end: () => all.end({ timeout: 5 }) };
}

interface Acting {
  run<T>(statement: (connection: Sql) => PromiseLike<T>): Promise<T>;
  enter(tx: Transaction): PromiseLike<unknown>;
}

function tenantSql(all: Sql, { run, enter }: Acting): TenantSql {
  const sql = (template: TemplateStringsArray, ...values: readonly postgres.ParameterOrFragment<never>[]) =>
    run((connection) => connection(template, ...values));
  const more: Pick<TenantSql, 'json' | 'rows' | 'begin'> = {
    json: all.json,
    rows: (rows) => all(rows as never) as unknown as postgres.Helper<never>,
    begin: async (work) =>
      (await all.begin(async (tx) => {
        await enter(tx);
        return await work(tx);
      })) as never,
  };
  return Object.assign(sql, more) as TenantSql;
}

/**
 * A plain pool, of no tenant. Connects at the first statement.
 * The caller ends it with `sql.end({ timeout: 5 })`.
 */
export function connectDatabase(options: ConnectOptions): Sql {
  return postgres(options.databaseUrl, { ...settingsOf(options), max: options.maxConnections ?? 10 });
}

function settingsOf({ databaseRole }: ConnectOptions) {
  return {
    connect_timeout: 10,
    onnotice: () => {},
    connection: {
      application_name: `countersign-${databaseRole}`,
      search_path: 'countersign',
      // Migrations run as whoever logs in; everybody else gives up what the login may do beyond its role.
      ...(databaseRole !== 'owner' && { role: roleName(databaseRole) }),
    },
  };
}
