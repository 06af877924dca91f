// Big payloads in a table of the ledger: the default.
import type { Digest } from '../../workflows/protocol/index.ts';
import { tenantOf } from '../../workflows/protocol/index.ts';
import type { Database } from '../database.ts';
import type { BlobStore } from './blob-store.ts';

export function createPostgresBlobs(db: Database): BlobStore {
  return {
    name: 'postgres',
    async put(blobs) {
      for (const [tenant, own] of byTenant(blobs)) {
        const rows = own.map(({ runId, digest, bytes }) => ({
          run_id: runId,
          digest,
          tenant,
          bytes: bytes.byteLength,
          content: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        }));
        const sql = db.of(tenant);
        await sql`insert into blobs ${sql.rows(rows)} on conflict (run_id, digest) do nothing`;
      }
    },
    async get(refs) {
      const found = new Map<string, Uint8Array>();
      for (const [tenant, own] of byTenant(refs)) {
        const rows = await db.of(tenant)<{ run_id: string; digest: Digest; content: Uint8Array }[]>`
          select run_id, digest, content from blobs
          where (run_id, digest) in (select * from unnest(${own.map(({ runId }) => runId)}::text[],
            ${own.map(({ digest }) => digest)}::text[]))`;
        for (const { run_id: runId, digest, content } of rows) found.set(`${runId} ${digest}`, content);
      }
      return refs.map(({ runId, digest }) => found.get(`${runId} ${digest}`));
    },
    async remove(runId, digests) {
      const removed = await db.of(tenantOf(runId))`
        delete from blobs where run_id = ${runId}
        and (${digests === undefined} or digest = any(${[...(digests ?? [])]}::text[]))`;
      return removed.count;
    },
    async list(runId) {
      const rows = await db.of(tenantOf(runId))<{ digest: Digest }[]>`
        select digest from blobs where run_id = ${runId} order by digest`;
      return rows.map((row) => row.digest);
    },
  };
}

/** One group, as a rule: what a process reads or writes at once is of one run. */
function byTenant<T extends { readonly runId: string }>(blobs: readonly T[]): ReadonlyMap<string, T[]> {
  return Map.groupBy(blobs, ({ runId }) => tenantOf(runId));
}
