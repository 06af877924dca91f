// Keys of tenants, wrapped by the key provider: one wraps what belongs to the tenant and can be replaced, one makes pseudonyms and
// stays. The few there are stay in memory: the provider is asked once a key and process.
import { createHmac } from 'node:crypto';
import type { HashPrefix, KeyedHash } from '../../workflows/protocol/index.ts';
import { keyedHash } from '../canonical.ts';
import type { Tables } from '../database.ts';
import type { KeyProvider } from './key-provider.ts';
import { newKey } from './seal.ts';

export interface TenantKey {
  readonly version: number;
  readonly key: Uint8Array;
}

export interface TenantKeys {
  /** The key that wraps now; made at first use. @throws ApplicationFailure KeyUnavailable, KeyUnknown, KeyDamaged */
  current(tenant: string): Promise<TenantKey>;
  /** An earlier one, too. `undefined` when there is none. @throws as `current` */
  find(tenant: string, version: number): Promise<TenantKey | undefined>;
  /** Stands for a text in columns that are searched; of another tenant, or without the key, it says nothing. @throws as `current` */
  pseudonym(tenant: string, prefix: HashPrefix, text: string): Promise<KeyedHash>;
  /**
   * A key for what has none: a run that went around the start ledger, so that its failure can be told, and the engine's chores.
   *
   * @throws as `current`
   */
  unledgered(tenant: string, runId: string): Promise<Uint8Array>;
}

type Purpose = 'wrapping' | 'index';

interface Row {
  readonly version: number;
  readonly provider_key: string;
  readonly wrapped: Uint8Array;
}

/** What the provider authenticates with a tenant's key: it cannot be moved to another row. */
export const tenantKeyContext = (tenant: string, purpose: Purpose, version: number): string =>
  `tenant-key:${tenant}:${purpose}:${version}`;

export function createTenantKeys(db: Tables, provider: KeyProvider): TenantKeys {
  /** Promises, so that runs which start together ask once. A failure is not kept. */
  const cache = new Map<string, Promise<TenantKey | undefined>>();
  const once = (name: string, load: () => Promise<TenantKey | undefined>): Promise<TenantKey | undefined> => {
    const cached = cache.get(name);
    if (cached !== undefined) return cached;
    const loading = load().then(
      (found) => {
        if (found === undefined) cache.delete(name);
        return found;
      },
      (error: unknown) => {
        cache.delete(name);
        throw error;
      },
    );
    cache.set(name, loading);
    return loading;
  };

  const opened = async (tenant: string, purpose: Purpose, row: Row | undefined): Promise<TenantKey | undefined> => {
    if (row === undefined) return undefined;
    const { version, provider_key: keyId, wrapped } = row;
    const key = await provider.unwrap(tenantKeyContext(tenant, purpose, version), { keyId, wrapped });
    return { version, key };
  };
  const latest = async (tenant: string, purpose: Purpose): Promise<TenantKey | undefined> => {
    const [row] = await db.of(tenant)<Row[]>`
      select version, provider_key, wrapped from tenant_keys
      where tenant = ${tenant} and purpose = ${purpose} order by version desc limit 1`;
    return await opened(tenant, purpose, row);
  };
  const make = async (tenant: string, purpose: Purpose): Promise<TenantKey> => {
    const { keyId, wrapped } = await provider.wrap(tenantKeyContext(tenant, purpose, 1), newKey());
    await db.of(tenant)`insert into tenant_keys (tenant, purpose, version, provider_key, wrapped)
      values (${tenant}, ${purpose}, 1, ${keyId}, ${Buffer.from(wrapped)}) on conflict do nothing`;
    // Somebody else's may have been first.
    const key = await latest(tenant, purpose);
    if (key === undefined) throw new Error(`The ${purpose} key of tenant ${tenant} was neither written nor found`);
    return key;
  };
  const ensured = async (tenant: string, purpose: Purpose): Promise<TenantKey> => {
    const load = async () => (await latest(tenant, purpose)) ?? (await make(tenant, purpose));
    const key = await once(`${tenant} ${purpose}`, load);
    if (key === undefined) throw new Error(`Tenant ${tenant} has no ${purpose} key`);
    return key;
  };

  return {
    current: (tenant) => ensured(tenant, 'wrapping'),
    find: (tenant, version) =>
      once(`${tenant} wrapping ${version}`, async () => {
        const [row] = await db.of(tenant)<Row[]>`
          select version, provider_key, wrapped from tenant_keys
          where tenant = ${tenant} and purpose = 'wrapping' and version = ${version}`;
        return await opened(tenant, 'wrapping', row);
      }),
    async pseudonym(tenant, prefix, text) {
      return keyedHash((await ensured(tenant, 'index')).key, prefix, text);
    },
    async unledgered(tenant, runId) {
      const { key } = await ensured(tenant, 'index');
      return createHmac('sha256', key).update(`countersign/unledgered/v1\0${runId}`).digest();
    },
  };
}
