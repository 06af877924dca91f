// Which vector store this process uses: Qdrant when it is configured, else the tables of the ledger.
import type { Config } from '../../runtime/config.ts';
import type { Database } from '../../runtime/database.ts';
import type { VectorStore } from '../ports/vector-store.ts';
import { createPostgresVectors } from './postgres-vectors.ts';
import { createQdrantVectors } from './qdrant-vectors.ts';

export function createVectorStore(db: Database, qdrant: Config['qdrant']): VectorStore {
  return qdrant === undefined ? createPostgresVectors(db) : createQdrantVectors(qdrant);
}
