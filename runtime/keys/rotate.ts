// Rotation: keys are wrapped anew, and no history, blob or sealed row is touched. As the owner; safe to repeat and to be killed.
import type { Sql } from '../database.ts';
import type { KeyProvider } from './key-provider.ts';
import { keyDamaged } from './key-provider.ts';
import { runKeyContext, subjectKeyContext, unwrapKey, wrapKey } from './run-keys.ts';
import { newKey } from './seal.ts';
import type { TenantKeys } from './tenant-keys.ts';
import { tenantKeyContext } from './tenant-keys.ts';

export interface KeyUse {
  /** Key of the provider. */
  readonly providerKey: string;
  readonly tenants: number;
  /** Tenant keys, and run keys of the first versions, that it wraps. */
  readonly keys: number;
}

/** Which keys of the provider are in use, the most used first. */
export async function keysInUse(sql: Sql): Promise<readonly KeyUse[]> {
  return await sql<KeyUse[]>`
    select provider_key as "providerKey", count(distinct tenant)::integer as tenants, count(*)::integer as keys
    from (select provider_key, tenant from tenant_keys
      union all select kek_id, tenant from run_keys where kek_id is not null) used
    group by provider_key order by keys desc, provider_key`;
}

/**
 * Wraps every tenant's keys by the provider's current key, so that earlier ones can be taken away.
 *
 * @returns how many were wrapped anew
 * @throws ApplicationFailure KeyUnavailable, KeyUnknown, KeyDamaged; what was done stays done
 */
export async function rewrapTenantKeys(sql: Sql, provider: KeyProvider): Promise<number> {
  const current = await provider.currentKeyId();
  const tenantRows = await sql<
    { tenant: string; purpose: 'wrapping' | 'index'; version: number; provider_key: string; wrapped: Uint8Array }[]
  >`select tenant, purpose, version, provider_key, wrapped from tenant_keys where provider_key <> ${current}`;
  for (const { tenant, purpose, version, provider_key: keyId, wrapped } of tenantRows) {
    const context = tenantKeyContext(tenant, purpose, version);
    const next = await provider.wrap(context, await provider.unwrap(context, { keyId, wrapped }));
    await sql`update tenant_keys set provider_key = ${next.keyId}, wrapped = ${Buffer.from(next.wrapped)}
      where tenant = ${tenant} and purpose = ${purpose} and version = ${version} and provider_key = ${keyId}`;
  }
  const runRows = await sql<{ run_id: string; kek_id: string; wrapped: Uint8Array }[]>`
    select run_id, kek_id, wrapped from run_keys where kek_id <> ${current}`;
  for (const { run_id: runId, kek_id: keyId, wrapped } of runRows) {
    const context = runKeyContext(runId);
    const next = await provider.wrap(context, await provider.unwrap(context, { keyId, wrapped }));
    await sql`update run_keys set kek_id = ${next.keyId}, wrapped = ${Buffer.from(next.wrapped)}
      where run_id = ${runId} and kek_id = ${keyId}`;
  }
  return tenantRows.length + runRows.length;
}

const BATCH = 500;

export interface TenantRotation {
  readonly version: number;
  readonly subjectKeys: number;
  readonly runKeys: number;
}

/**
 * Gives a tenant a new wrapping key, and wraps its subjects' keys, and those of runs without a subject, by it. The earlier version
 * stays for processes that have it in memory.
 *
 * @throws ApplicationFailure KeyUnavailable, KeyUnknown, KeyDamaged; what was done stays done
 */
export async function rotateTenantKey(
  sql: Sql,
  { provider, tenantKeys }: { readonly provider: KeyProvider; readonly tenantKeys: TenantKeys },
  tenant: string,
): Promise<TenantRotation> {
  const before = await tenantKeys.current(tenant);
  const version = before.version + 1;
  const key = newKey();
  const { keyId, wrapped } = await provider.wrap(tenantKeyContext(tenant, 'wrapping', version), key);
  await sql`insert into tenant_keys (tenant, purpose, version, provider_key, wrapped)
    values (${tenant}, 'wrapping', ${version}, ${keyId}, ${Buffer.from(wrapped)})`;

  const opened = async (from: number, context: string, bytes: Uint8Array): Promise<Uint8Array> => {
    const wrapping = await tenantKeys.find(tenant, from);
    if (wrapping === undefined) throw keyDamaged(`key of tenant ${tenant}, version ${from}, which is not there`);
    return unwrapKey(wrapping.key, context, bytes);
  };
  const subjectKeys = await inBatches(
    () => sql<{ subject: string; tenant_key: number; wrapped: Uint8Array }[]>`
      select subject, tenant_key, wrapped from subject_keys
      where tenant = ${tenant} and tenant_key < ${version} limit ${BATCH}`,
    async (row) => {
      const context = subjectKeyContext(tenant, row.subject);
      const next = wrapKey(key, context, await opened(row.tenant_key, context, row.wrapped));
      await sql`update subject_keys set tenant_key = ${version}, wrapped = ${next}
        where tenant = ${tenant} and subject = ${row.subject} and tenant_key = ${row.tenant_key}`;
    },
  );
  const runKeys = await inBatches(
    () => sql<{ run_id: string; tenant_key: number; wrapped: Uint8Array }[]>`
      select run_id, tenant_key, wrapped from run_keys
      where tenant = ${tenant} and tenant_key < ${version} limit ${BATCH}`,
    async (row) => {
      const context = runKeyContext(row.run_id);
      const next = wrapKey(key, context, await opened(row.tenant_key, context, row.wrapped));
      await sql`update run_keys set tenant_key = ${version}, wrapped = ${next}
        where run_id = ${row.run_id} and tenant_key = ${row.tenant_key}`;
    },
  );
  return { version, subjectKeys, runKeys };
}

/** Until there are none left: what is wrapped anew is not read again. @returns how many there were */
async function inBatches<Row>(
  read: () => Promise<readonly Row[]>,
  rewrap: (row: Row) => Promise<void>,
): Promise<number> {
  let done = 0;
  for (;;) {
    const rows = await read();
    for (const row of rows) await rewrap(row);
    done += rows.length;
    if (rows.length < BATCH) return done;
  }
}
