// What the codec server reads with: keys, blobs and the ledger as the gateway role, and the key that verifies tokens.
import type { LoadedDataConverter } from '@temporalio/common/lib/converter/data-converter.js';
import { loadDataConverter } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { AssertionKey } from '../runtime/assertion.ts';
import { readAssertionKey } from '../runtime/assertion.ts';
import type { Config } from '../runtime/config.ts';
import type { Database } from '../runtime/database.ts';
import { openDatabase } from '../runtime/database.ts';
import type { Keys } from '../runtime/keys/index.ts';
import { createKeyProvider, createKeys } from '../runtime/keys/index.ts';
import { createBlobStores } from '../runtime/payloads/blob-stores.ts';
import { createDataConverter } from '../runtime/payloads/data-converter.ts';

export interface CodecBackend {
  readonly config: Config;
  readonly db: Database;
  readonly runKeys: Keys['runKeys'];
  readonly converter: LoadedDataConverter;
  /** The public half: this process can verify tokens and make none. */
  readonly verifier: AssertionKey;
  close(): Promise<void>;
}

/** The database is reached with the first statement. @throws UserError when the settings name no usable key */
export async function openCodecBackend(config: Config): Promise<CodecBackend> {
  const verifier = await readAssertionKey(config.keyFiles.assertionPublic);
  const provider = createKeyProvider(config);
  const db = openDatabase({ ...config, maxConnections: 5 });
  const keys = createKeys(db, config, provider);
  const { namespace } = config.temporal;
  const dataConverter = createDataConverter({ keys, namespace, blobs: createBlobStores(db, config) });
  return {
    config,
    db,
    runKeys: keys.runKeys,
    converter: loadDataConverter(dataConverter),
    verifier,
    close: () => db.end(),
  };
}
