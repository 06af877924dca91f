// The ledger as commands use it that speak to no worker: as the gateway role, of one tenant at a time.
import type { Config } from '../runtime/config.ts';
import { loadConfig } from '../runtime/config.ts';
import type { Database } from '../runtime/database.ts';
import { settings } from './context.ts';

interface GatewayLedger {
  readonly config: Config;
  readonly db: Database;
}

/** Runs `use` with the ledger that the environment or `--home` names, and closes it. @param maxConnections to the database. @default 2 */
export async function withGatewayLedger<T>(
  home: string | undefined,
  use: (ledger: GatewayLedger) => Promise<T>,
  maxConnections = 2,
): Promise<T> {
  const { openDatabase } = await import('../runtime/database.ts');
  const config = loadConfig({ role: 'gateway', env: settings(home).env });
  const db = openDatabase({ ...config, maxConnections });
  try {
    return await use({ config, db });
  } finally {
    await db.end();
  }
}
