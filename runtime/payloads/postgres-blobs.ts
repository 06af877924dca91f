// Big payloads in a table of the ledger: the default.
import type { Digest } from '../../workflows/protocol/index.ts';
import { parseRunId } from '../../workflows/protocol/index.ts';
import type { Sql } from '../database.ts';
import type { BlobStore } from './blob-store.ts';

export function createPostgresBlobs(sql: Sql): BlobStore {
  return {
    name: 'postgres',
    async put(blobs) {
      const rows = blobs.map(({ runId, digest, bytes }) => ({
        run_id: runId,
        digest,
        tenant: parseRunId(runId)?.tenant ?? '',
        bytes: bytes.byteLength,
        content: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      }));
      if (rows.length > 0) await sql`insert into blobs ${sql(rows)} on conflict (run_id, digest) do nothing`;
    },
    async get(refs) {
      const rows = await sql<{ run_id: string; digest: Digest; content: Uint8Array }[]>`
        select run_id, digest, content from blobs
        where (run_id, digest) in (select * from unnest(${refs.map(({ runId }) => runId)}::text[],
          ${refs.map(({ digest }) => digest)}::text[]))`;
      const found = new Map(rows.map((row) => [`${row.run_id} ${row.digest}`, row.content]));
      return refs.map(({ runId, digest }) => found.get(`${runId} ${digest}`));
    },
    async remove(runId, digests) {
      const removed = await sql`
        delete from blobs where run_id = ${runId}
        and (${digests === undefined} or digest = any(${[...(digests ?? [])]}::text[]))`;
      return removed.count;
    },
    async list(runId) {
      const rows = await sql<{ digest: Digest }[]>`select digest from blobs where run_id = ${runId} order by digest`;
      return rows.map((row) => row.digest);
    },
  };
}
