// Keys of subjects, the people whose data runs carry: destroying one takes all their runs with it. Wrapped by their tenant's key.
import { ulid } from 'ulid';
import type { KeyedHash } from '../../workflows/protocol/index.ts';
import type { Tables } from '../database.ts';
import { keyDamaged } from './key-provider.ts';
import { subjectKeyContext, unwrapKey, wrapKey } from './run-keys.ts';
import { newKey } from './seal.ts';
import type { TenantKeys } from './tenant-keys.ts';

export interface SubjectKey {
  /** A subject that comes back after an erasure has another one. */
  readonly id: string;
  readonly key: Uint8Array;
}

export interface SubjectKeys {
  /** The subject's key, made at first use. @param subject its pseudonym. @throws as TenantKeys */
  current(tenant: string, subject: KeyedHash): Promise<SubjectKey>;
  /** Forgets what is in memory of one subject, or of all: it was destroyed. */
  forget(tenant: string, subject: KeyedHash): void;
  forgetAll(): void;
}

interface Row {
  readonly key_id: string;
  readonly tenant_key: number;
  readonly wrapped: Uint8Array;
}

/** @param capacity subjects kept in memory. @default 1000 */
export function createSubjectKeys(db: Tables, tenantKeys: TenantKeys, capacity = 1000): SubjectKeys {
  const cache = new Map<string, SubjectKey>();

  async function find(tenant: string, subject: KeyedHash): Promise<SubjectKey | undefined> {
    const [row] = await db.of(tenant)<Row[]>`
      select key_id, tenant_key, wrapped from subject_keys where tenant = ${tenant} and subject = ${subject}`;
    if (row === undefined) return undefined;
    const wrapping = await tenantKeys.find(tenant, row.tenant_key);
    if (wrapping === undefined)
      throw keyDamaged(`key of tenant ${tenant}, version ${row.tenant_key}, which is not there`);
    return { id: row.key_id, key: unwrapKey(wrapping.key, subjectKeyContext(tenant, subject), row.wrapped) };
  }

  async function make(tenant: string, subject: KeyedHash): Promise<SubjectKey> {
    const { version, key } = await tenantKeys.current(tenant);
    const wrapped = wrapKey(key, subjectKeyContext(tenant, subject), newKey());
    await db.of(tenant)`insert into subject_keys (tenant, subject, key_id, tenant_key, wrapped)
      values (${tenant}, ${subject}, ${ulid()}, ${version}, ${wrapped}) on conflict (tenant, subject) do nothing`;
    // Somebody else's may have been first.
    const made = await find(tenant, subject);
    if (made === undefined) throw new Error(`The key of subject ${subject} was neither written nor found`);
    return made;
  }

  return {
    async current(tenant, subject) {
      const name = `${tenant} ${subject}`;
      const cached = cache.get(name);
      if (cached !== undefined) return cached;
      const key = (await find(tenant, subject)) ?? (await make(tenant, subject));
      if (cache.size >= capacity) cache.delete(cache.keys().next().value ?? '');
      cache.set(name, key);
      return key;
    },
    forget(tenant, subject) {
      cache.delete(`${tenant} ${subject}`);
    },
    forgetAll: () => cache.clear(),
  };
}
