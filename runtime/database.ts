// The connection to PostgreSQL. Statements are tagged templates only, so every value is a parameter.
import postgres from 'postgres';
import type { Config } from './config.ts';
import { roleName } from './config.ts';

export type Sql = postgres.Sql<Record<string, never>>;
/** What `sql.begin` gives. */
export type Transaction = postgres.TransactionSql<Record<string, never>>;

export interface ConnectOptions extends Pick<Config, 'databaseUrl' | 'databaseRole'> {
  /** Connections kept by this process. @default 10 */
  readonly maxConnections?: number;
}

/**
 * Opens a pool that acts as one database role, whatever user logs in. Connects at the first statement.
 * The caller ends it with `sql.end({ timeout: 5 })`.
 */
export function connectDatabase(options: ConnectOptions): Sql {
  return postgres(options.databaseUrl, {
    max: options.maxConnections ?? 10,
    connect_timeout: 10,
    onnotice: () => {},
    connection: {
      application_name: `countersign-${options.databaseRole}`,
      search_path: 'countersign',
      // Migrations run as whoever logs in; everybody else gives up what the login may do beyond its role.
      ...(options.databaseRole !== 'owner' && { role: roleName(options.databaseRole) }),
    },
  });
}
