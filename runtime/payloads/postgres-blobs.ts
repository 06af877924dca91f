// Big payloads in a table of the ledger: the default.
import type { Digest } from '../../workflows/protocol/index.ts';
import { tenantOf } from '../../workflows/protocol/index.ts';
import type { Database } from '../database.ts';
import type { BlobRef, BlobStore, KeptBlob } from './blob-store.ts';

const PAGE = 1000;

export function createPostgresBlobs(db: Database): BlobStore {
  return {
    name: 'postgres',
    async put(blobs) {
      // Once each, and in one order: two that put the same ones at once would wait for each other.
      const distinct = [...new Map(blobs.map((blob) => [placeOf(blob), blob])).values()];
      distinct.sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
      for (const [tenant, own] of byTenant(distinct)) {
        const rows = own.map(({ runId, digest, bytes }) => ({
          run_id: runId,
          digest,
          tenant,
          bytes: bytes.byteLength,
          content: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        }));
        const sql = db.of(tenant);
        // In one statement: between two of them it could be collected. Once an hour is enough, since it must be a day old for that.
        await sql`insert into blobs ${sql.rows(rows)} on conflict (run_id, digest)
          do update set created_at = now() where blobs.created_at < now() - interval '1 hour'`;
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
    async scan(tenant, after) {
      const [, run = '', digest = ''] = /^(.*) (\S+)$/s.exec(after ?? '') ?? [];
      const rows = await db.of(tenant)<KeptBlob[]>`
        select run_id as "runId", digest, bytes, created_at as "putAt" from blobs
        where tenant = ${tenant} and (run_id, digest) > (${run}, ${digest}) order by run_id, digest limit ${PAGE}`;
      const last = rows.length === PAGE ? rows.at(-1) : undefined;
      return { blobs: rows, next: last && placeOf(last) };
    },
    async collect({ tenant, runId, digests, namespaceId, before }) {
      return await db.of(tenant)<{ digest: Digest; bytes: number }[]>`
        select digest, bytes from countersign.collect_blobs(${tenant}, ${runId}, ${[...digests]}::text[], ${namespaceId},
          now() - ${before}::timestamptz)`;
    },
  };
}

const placeOf = ({ runId, digest }: BlobRef): string => `${runId} ${digest}`;

/** One group, as a rule: what a process reads or writes at once is of one run. */
function byTenant<T extends { readonly runId: string }>(blobs: readonly T[]): ReadonlyMap<string, T[]> {
  return Map.groupBy(blobs, ({ runId }) => tenantOf(runId));
}
