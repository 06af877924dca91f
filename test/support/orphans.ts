// Payloads that nothing refers to, and the passing of a day, for tests of what collects them.
import { randomBytes } from 'node:crypto';
import { sha256 } from '../../runtime/canonical.ts';
import type { Sql } from '../../runtime/database.ts';
import type { BlobStore } from '../../runtime/payloads/blob-store.ts';
import type { Digest } from '../../workflows/protocol/index.ts';

/** Puts a payload of a run that no history names, as an attempt does whose result never got there. */
export async function putOrphan(store: BlobStore, runId: string): Promise<Digest> {
  const bytes = randomBytes(5000);
  const digest = sha256(bytes);
  await store.put([{ runId, digest, bytes }]);
  return digest;
}

/** Start, end and payloads of a run become so many hours older. As the owner. */
export async function makeOlder(owner: Sql, runId: string, hours = 25): Promise<void> {
  await owner.begin(async (tx) => {
    const by = tx.fragment`${hours} * interval '1 hour'`;
    await tx`update start_ledger set created_at = created_at - ${by} where run_id = ${runId}`;
    await tx`update traces set ended_at = ended_at - ${by} where run_id = ${runId}`;
    // Not by an update: that makes them new.
    await tx`with gone as (delete from blobs where run_id = ${runId} returning *)
      insert into blobs (run_id, digest, tenant, bytes, content, created_at)
      select run_id, digest, tenant, bytes, content, created_at - ${by} from gone`;
  });
}

export async function digestsOf(owner: Sql, runId: string): Promise<readonly Digest[]> {
  const rows = await owner<{ digest: Digest }[]>`select digest from blobs where run_id = ${runId} order by digest`;
  return rows.map(({ digest }) => digest);
}
