// The row before the start: who starts what under which key. Written before Temporal hears of a run, so none is unaccounted for.
import type { Database } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import type { Keys } from '../runtime/keys/index.ts';
import { newKey, runKeyContext, wrapKey } from '../runtime/keys/index.ts';
import { startHash } from '../runtime/start-hash.ts';
import type { Digest, KeyedHash, RunId } from '../workflows/protocol/index.ts';
import { HashPrefix } from '../workflows/protocol/index.ts';

export interface LedgerEntry {
  readonly runId: RunId;
  readonly tenant: string;
  readonly kind: string;
  readonly requester: string;
  /** Whose data the run carries. */
  readonly subject?: string;
  readonly idempotencyKey?: string;
  readonly releaseRef?: string;
  readonly releaseDigest?: Digest;
  readonly collection?: string;
  readonly taskQueue: string;
  /** Id of the Temporal namespace that it will be started in, if that can be told. */
  readonly namespaceId?: string;
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
   * @throws UserError when the key was used for another request, or in another namespace
   */
  enter(entry: LedgerEntry): Promise<LedgerRow>;
}

/** What the ledger keeps instead of texts that callers choose. */
interface Pseudonyms {
  readonly subject: KeyedHash | null;
  readonly idempotencyKey: KeyedHash | null;
}

const FOREIGN_KEY_VIOLATION = '23503';

export function createStartLedger(db: Database, keys: Keys): StartLedger {
  const { tenantKeys, subjectKeys } = keys;
  const pseudonym = async (tenant: string, prefix: HashPrefix, text: string | undefined): Promise<KeyedHash | null> =>
    text === undefined ? null : await tenantKeys.pseudonym(tenant, prefix, text);

  async function insert(entry: LedgerEntry, { subject, idempotencyKey }: Pseudonyms): Promise<boolean> {
    const { runId, tenant } = entry;
    const runKey = newKey();
    const subjectKey = subject === null ? undefined : await subjectKeys.current(tenant, subject);
    const tenantKey = subjectKey === undefined ? await tenantKeys.current(tenant) : undefined;
    const wrapping = subjectKey?.key ?? tenantKey?.key ?? new Uint8Array();
    const wrapped = wrapKey(wrapping, runKeyContext(runId), runKey);
    const inserted = await db.of(tenant)`
      with started as (
        insert into start_ledger (run_id, tenant, kind, subject, requester, idempotency_key, request_hash, release_ref,
          release_digest, collection, task_queue, namespace_id)
        values (${runId}, ${tenant}, ${entry.kind}, ${subject}, ${entry.requester}, ${idempotencyKey},
          ${hashOf(runKey, entry)}, ${entry.releaseRef ?? null}, ${entry.releaseDigest ?? null},
          ${entry.collection ?? null}, ${entry.taskQueue}, ${entry.namespaceId ?? null})
        on conflict (tenant, requester, idempotency_key) do nothing
        returning run_id)
      insert into run_keys (run_id, tenant, tenant_key, subject_key_id, wrapped)
      select run_id, ${tenant}, ${tenantKey?.version ?? null}, ${subjectKey?.id ?? null}, ${wrapped}
      from started returning run_id`;
    return inserted.length > 0;
  }

  return {
    async enter(entry) {
      const { tenant, runId, releaseDigest } = entry;
      const pseudonyms: Pseudonyms = {
        subject: await pseudonym(tenant, HashPrefix.Subject, entry.subject),
        idempotencyKey: await pseudonym(tenant, HashPrefix.IdempotencyKey, entry.idempotencyKey),
      };
      const inserted = await insert(entry, pseudonyms).catch(async (error: unknown) => {
        if ((error as { code?: string }).code !== FOREIGN_KEY_VIOLATION || pseudonyms.subject === null) throw error;
        // The subject was erased since its key was read: what comes now is under a new one.
        subjectKeys.forget(tenant, pseudonyms.subject);
        return await insert(entry, pseudonyms);
      });
      if (inserted) return { runId, releaseDigest, ended: false };
      return await findEarlier(db, keys, entry, pseudonyms);
    },
  };
}

interface EarlierRow {
  readonly run_id: RunId;
  readonly request_hash: string;
  readonly release_digest: Digest | null;
  readonly namespace_id: string | null;
  readonly ended: boolean;
}

async function findEarlier(
  db: Database,
  { runKeys }: Keys,
  entry: LedgerEntry,
  { idempotencyKey }: Pseudonyms,
): Promise<LedgerRow> {
  const [row] = await db.of(entry.tenant)<EarlierRow[]>`
    select l.run_id, l.request_hash, l.release_digest, l.namespace_id, t.run_id is not null as ended
    from start_ledger l left join traces t on t.run_id = l.run_id
    where l.tenant = ${entry.tenant} and l.requester = ${entry.requester} and l.idempotency_key = ${idempotencyKey}`;
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
  // There it may be open; and who collects payloads there believes Temporal there.
  const { namespaceId } = entry;
  if (!row.ended && namespaceId !== undefined && row.namespace_id !== null && row.namespace_id !== namespaceId) {
    throw new UserError(`Run ${row.run_id} of this idempotency key was started in another Temporal namespace`, {
      hint: `That one has the id ${row.namespace_id}. Correct TEMPORAL_ADDRESS or TEMPORAL_NAMESPACE, or use a new key.`,
    });
  }
  return { runId: row.run_id, releaseDigest: row.release_digest ?? undefined, ended: row.ended };
}

const hashOf = (runKey: Uint8Array, { kind, releaseRef, collection, request }: LedgerEntry): string =>
  startHash(runKey, { kind, releaseRef, collection, request });
