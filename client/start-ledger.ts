// The row before the start: who starts what under which key. Written before Temporal hears of a run, so none is unaccounted for.

import type { Sql } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import type { Kek, RunKeys } from '../runtime/keys.ts';
import { newRunKey, wrapRunKey } from '../runtime/keys.ts';
import { startHash } from '../runtime/start-hash.ts';
import type { Digest, RunId } from '../workflows/protocol/index.ts';

export interface LedgerEntry {
  readonly runId: RunId;
  readonly tenant: string;
  readonly kind: string;
  readonly requester: string;
  readonly subject?: string;
  readonly idempotencyKey?: string;
  readonly releaseRef?: string;
  readonly releaseDigest?: Digest;
  readonly collection?: string;
  readonly taskQueue: string;
  readonly request: unknown;
}

export interface LedgerRow {
  readonly runId: RunId;
  readonly releaseDigest: Digest | undefined;
  /** True when the run has ended and been recorded: it must not be started again, whatever Temporal remembers. */
  readonly ended: boolean;
}

export interface StartLedger {
  /**
   * Writes the entry, or finds the one that its idempotency key already names.
   *
   * @throws UserError when the key was used for another request
   */
  enter(entry: LedgerEntry): Promise<LedgerRow>;
}

export function createStartLedger(sql: Sql, kek: Kek, runKeys: RunKeys): StartLedger {
  return {
    async enter(entry) {
      const runKey = newRunKey();
      const wrapped = wrapRunKey(kek, entry.runId, runKey);
      const inserted = await sql`
        with started as (
          insert into start_ledger (run_id, tenant, kind, subject, requester, idempotency_key, request_hash, release_ref,
            release_digest, collection, task_queue)
          values (${entry.runId}, ${entry.tenant}, ${entry.kind}, ${entry.subject ?? null}, ${entry.requester},
            ${entry.idempotencyKey ?? null}, ${hashOf(runKey, entry)}, ${entry.releaseRef ?? null},
            ${entry.releaseDigest ?? null}, ${entry.collection ?? null}, ${entry.taskQueue})
          on conflict (tenant, requester, idempotency_key) do nothing
          returning run_id)
        insert into run_keys (run_id, tenant, kek_id, wrapped)
        select run_id, ${entry.tenant}, ${kek.id}, ${wrapped} from started returning run_id`;
      if (inserted.length > 0) return { runId: entry.runId, releaseDigest: entry.releaseDigest, ended: false };
      return await findEarlier(sql, runKeys, entry);
    },
  };
}

async function findEarlier(sql: Sql, runKeys: RunKeys, entry: LedgerEntry): Promise<LedgerRow> {
  const key = entry.idempotencyKey ?? null;
  const [row] = await sql<{ run_id: RunId; request_hash: string; release_digest: Digest | null; ended: boolean }[]>`
    select l.run_id, l.request_hash, l.release_digest, t.run_id is not null as ended
    from start_ledger l left join traces t on t.run_id = l.run_id
    where l.tenant = ${entry.tenant} and l.requester = ${entry.requester} and l.idempotency_key = ${key}`;
  const runKey = row === undefined ? undefined : (await runKeys.find(row.run_id))?.key;
  if (row === undefined || runKey === undefined)
    throw new Error(`Ledger entry of ${entry.runId} was neither written nor found`);
  if (row.request_hash !== hashOf(runKey, entry)) {
    throw new UserError(
      `Idempotency key ${entry.idempotencyKey ?? ''} was used for another request, as run ${row.run_id}`,
      {
        hint: 'Use a new key for a new request.',
      },
    );
  }
  return { runId: row.run_id, releaseDigest: row.release_digest ?? undefined, ended: row.ended };
}

const hashOf = (runKey: Uint8Array, { kind, releaseRef, collection, request }: LedgerEntry): string =>
  startHash(runKey, { kind, releaseRef, collection, request });
