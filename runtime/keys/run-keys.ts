// Run keys: each run has 32 random bytes of its own, kept wrapped by its subject's key, or by its tenant's where it has no subject.
// Never in workflow code, never logged. A destroyed key is told apart from one that never was.
import { ApplicationFailure } from '@temporalio/common';
import type { Digest } from '../../workflows/protocol/index.ts';
import { Failure, tenantOf } from '../../workflows/protocol/index.ts';
import type { Tables } from '../database.ts';
import type { KeyProvider } from './key-provider.ts';
import { keyDamaged } from './key-provider.ts';
import { open, seal } from './seal.ts';
import type { TenantKeys } from './tenant-keys.ts';

/** What the start ledger says of a run. */
export interface StartedRun {
  readonly key: Uint8Array;
  readonly requester: string;
  readonly releaseDigest: Digest | null;
  readonly collection: string | null;
  /** Of `runtime/start-hash.ts`. */
  readonly requestHash: string;
}

export interface RunKeys {
  /**
   * The run's key and start, or `undefined` when it has no row: it was not started through the ledger.
   *
   * @throws ApplicationFailure Erased when the key was destroyed; KeyUnavailable, KeyUnknown, KeyDamaged
   */
  find(runId: string): Promise<StartedRun | undefined>;
}

export interface CachedRunKeys extends RunKeys {
  /** Forgets what is in memory of these runs, or of all. */
  forget(runIds: readonly string[] | 'all'): void;
}

interface Row {
  readonly tenant: string;
  readonly subject: string | null;
  readonly requester: string;
  readonly release_digest: Digest | null;
  readonly collection: string | null;
  readonly request_hash: string;
  readonly wrapped: Uint8Array | null;
  /** Set when the provider's key wraps it directly, as the first versions did. */
  readonly kek_id: string | null;
  readonly tenant_key: number | null;
  readonly subject_key: Uint8Array | null;
  readonly subject_tenant_key: number | null;
}

/** A key is read anew after this time, should the word of its destruction not have come. */
const MAX_AGE_MS = 10 * 60_000;

export const runKeyContext = (runId: string): string => `run-key:${runId}`;
export const subjectKeyContext = (tenant: string, subject: string): string => `subject-key:${tenant}:${subject}`;

export const wrapKey = (wrapping: Uint8Array, context: string, key: Uint8Array): Buffer => seal(wrapping, context, key);

/** @throws ApplicationFailure KeyDamaged */
export function unwrapKey(wrapping: Uint8Array, context: string, wrapped: Uint8Array): Uint8Array {
  try {
    return open(wrapping, context, wrapped);
  } catch {
    throw keyDamaged(`key of ${context}`);
  }
}

export const erased = (runId: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(
    `The content of run ${runId} was erased: its key is destroyed. What is left is its row in the start ledger.`,
    Failure.Erased,
  );

export interface RunKeysDependencies {
  readonly db: Tables;
  readonly tenantKeys: TenantKeys;
  readonly provider: KeyProvider;
  /** Runs kept in memory. @default 1000 */
  readonly capacity?: number;
}

export function createRunKeys({ db, tenantKeys, provider, capacity = 1000 }: RunKeysDependencies): CachedRunKeys {
  const cache = new Map<string, { readonly run: StartedRun; readonly readAtMs: number }>();

  async function keyOf(runId: string, row: Row): Promise<Uint8Array> {
    const { tenant, subject, wrapped, kek_id: keyId, tenant_key: tenantKey } = row;
    if (wrapped === null) throw erased(runId);
    const context = runKeyContext(runId);
    if (keyId !== null) return await provider.unwrap(context, { keyId, wrapped });
    if (tenantKey !== null) return unwrapKey(await tenantKeyOf(tenant, tenantKey), context, wrapped);
    const { subject_key: subjectKey, subject_tenant_key: version } = row;
    if (subject === null || subjectKey === null || version === null) throw erased(runId);
    const wrapping = await tenantKeyOf(tenant, version);
    return unwrapKey(unwrapKey(wrapping, subjectKeyContext(tenant, subject), subjectKey), context, wrapped);
  }

  async function tenantKeyOf(tenant: string, version: number): Promise<Uint8Array> {
    const found = await tenantKeys.find(tenant, version);
    if (found === undefined) throw keyDamaged(`key of tenant ${tenant}, version ${version}, which is not there`);
    return found.key;
  }

  return {
    async find(runId) {
      const cached = cache.get(runId);
      if (cached !== undefined && performance.now() - cached.readAtMs < MAX_AGE_MS) return cached.run;
      const [row] = await db.of(tenantOf(runId))<Row[]>`
        select l.tenant, l.subject, l.requester, l.release_digest, l.collection, l.request_hash, k.wrapped, k.kek_id,
          k.tenant_key, s.wrapped as subject_key, s.tenant_key as subject_tenant_key
        from start_ledger l
        left join run_keys k on k.run_id = l.run_id
        left join subject_keys s on s.tenant = l.tenant and s.key_id = k.subject_key_id
        where l.run_id = ${runId}`;
      if (row === undefined) return undefined;
      const started: StartedRun = {
        key: await keyOf(runId, row),
        requester: row.requester,
        releaseDigest: row.release_digest,
        collection: row.collection,
        requestHash: row.request_hash,
      };
      if (cache.size >= capacity) cache.delete(cache.keys().next().value ?? '');
      cache.set(runId, { run: started, readAtMs: performance.now() });
      return started;
    },
    forget(runIds) {
      if (runIds === 'all') cache.clear();
      else for (const runId of runIds) cache.delete(runId);
    },
  };
}
