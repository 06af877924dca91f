// What erasing and exporting work with: the ledger as its owner, Temporal, the keys, and the client that reads runs.
import { Client, Connection } from '@temporalio/client';
import type { CountersignClient } from '../client/index.ts';
import { createClient } from '../client/index.ts';
import type { AssertionKey } from '../runtime/assertion.ts';
import { readAssertionKey } from '../runtime/assertion.ts';
import type { Config } from '../runtime/config.ts';
import type { Sql } from '../runtime/database.ts';
import { openDatabase } from '../runtime/database.ts';
import type { Keys } from '../runtime/keys/index.ts';
import { createKeys } from '../runtime/keys/index.ts';
import type { BlobStore } from '../runtime/payloads/blob-store.ts';
import { createBlobStores } from '../runtime/payloads/blob-stores.ts';
import { temporalConnectionOptions, temporalUnreachable } from '../runtime/temporal.ts';

export interface Privacy extends AsyncDisposable {
  readonly sql: Sql;
  readonly temporal: Client;
  readonly keys: Keys;
  readonly blobs: readonly BlobStore[];
  readonly client: CountersignClient;
  signer(): Promise<AssertionKey>;
}

/** @param config of the database role owner; `gateway` is the same stack's as gateway. @throws UserError when a server is away */
export async function openPrivacy(config: Config, gateway: Config): Promise<Privacy> {
  await using undo = new AsyncDisposableStack();
  let connection: Connection;
  try {
    connection = await Connection.connect({ ...temporalConnectionOptions(config), connectTimeout: '5 seconds' });
  } catch (cause) {
    throw temporalUnreachable(config, cause);
  }
  undo.defer(() => connection.close());
  const db = openDatabase({ ...config, maxConnections: 2 });
  undo.defer(() => db.end());
  const client = await createClient(gateway);
  undo.defer(() => client.close());
  const kept = undo.move();
  return {
    sql: db.all,
    temporal: new Client({ connection, namespace: config.temporal.namespace }),
    keys: createKeys(db, config),
    blobs: createBlobStores(db, config),
    client,
    signer: () => readAssertionKey(config.keyFiles.assertionPrivate),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
