// Which stores a process has for big payloads: the configuration says.
import type { Config } from '../config.ts';
import type { Database } from '../database.ts';
import type { BlobStore } from './blob-store.ts';
import { createPostgresBlobs } from './postgres-blobs.ts';
import { createS3Blobs } from './s3-blobs.ts';

/** The first one is written to. The table stays: histories refer to what it was given before there was a bucket. */
export function createBlobStores(db: Database, { s3 }: Pick<Config, 's3'>): readonly BlobStore[] {
  const postgres = createPostgresBlobs(db);
  return s3 === undefined ? [postgres] : [createS3Blobs(s3), postgres];
}
