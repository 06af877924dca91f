// What the global setup hands to test files.
import 'vitest';

/** Name of the migrated database that each test file copies. */
export const TEMPLATE = 'countersign_template';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the Temporal CLI. */
    temporalBinary: string;
    /** `host:port`, namespace `default`. */
    temporalAddress: string;
    databaseSuperuserUrl: string;
    /** Home folder of the database server, with its secrets.json. */
    databaseHome: string;
    databasePort: number;
    /** Of bundled workflow code, which all test files of a run share. */
    cacheDir: string;
  }
}
