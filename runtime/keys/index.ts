// The keys of a process: the provider's wrap tenants', tenants' wrap subjects', and these wrap runs'.
import { ApplicationFailure } from '@temporalio/common';
import { Failure } from '../../workflows/protocol/index.ts';
import type { Config } from '../config.ts';
import type { Tables } from '../database.ts';
import { messageOf, UserError } from '../errors.ts';
import type { KeyProvider } from './key-provider.ts';
import { createFileProvider, createLocalProvider, readKekVariable } from './local-provider.ts';
import type { CachedRunKeys } from './run-keys.ts';
import { createRunKeys } from './run-keys.ts';
import type { SubjectKeys } from './subject-keys.ts';
import { createSubjectKeys } from './subject-keys.ts';
import type { TenantKeys } from './tenant-keys.ts';
import { createTenantKeys, tenantKeyContext } from './tenant-keys.ts';
import { createVaultProvider } from './vault-provider.ts';

export type { KeyProvider } from './key-provider.ts';
export type { RunKeys, StartedRun } from './run-keys.ts';
export { erased, runKeyContext, wrapKey } from './run-keys.ts';
export { newKey, open, seal } from './seal.ts';
export type { SubjectKeys } from './subject-keys.ts';
export type { TenantKeys } from './tenant-keys.ts';

export interface Keys {
  readonly provider: KeyProvider;
  readonly tenantKeys: TenantKeys;
  readonly subjectKeys: SubjectKeys;
  readonly runKeys: CachedRunKeys;
}

export type KeyConfig = Pick<Config, 'keyProvider' | 'keyFiles'>;

/** @throws UserError when the settings name no usable key */
export function createKeyProvider({ keyProvider, keyFiles }: KeyConfig): KeyProvider {
  if (keyProvider === undefined) return createFileProvider(keyFiles.kek);
  if (keyProvider.kind === 'environment') return createLocalProvider('environment', readKekVariable(keyProvider.keys));
  return createVaultProvider(keyProvider);
}

/** @param provider @default the one that the configuration names */
export function createKeys(db: Tables, config: KeyConfig, provider: KeyProvider = createKeyProvider(config)): Keys {
  const tenantKeys = createTenantKeys(db, provider);
  return {
    provider,
    tenantKeys,
    subjectKeys: createSubjectKeys(db, tenantKeys),
    runKeys: createRunKeys({ db, tenantKeys, provider }),
  };
}

/**
 * Opens one tenant's key: a process with other key-encryption keys than the ledger's is told at its start, and not by every run.
 *
 * @throws UserError when the provider has not the key, or not the right one. A provider that is away passes: runs wait for it.
 */
export async function requireOurKeys(db: Tables, { provider }: Pick<Keys, 'provider'>): Promise<void> {
  const [row] = await db.all<{ tenant: string; version: number; provider_key: string; wrapped: Uint8Array }[]>`
    select tenant, version, provider_key, wrapped from latest_tenant_key()`;
  if (row === undefined) return;
  const { tenant, version, provider_key: keyId, wrapped } = row;
  try {
    await provider.unwrap(tenantKeyContext(tenant, 'wrapping', version), { keyId, wrapped });
  } catch (cause) {
    if (cause instanceof ApplicationFailure && cause.type === Failure.KeyUnavailable) return;
    throw new UserError(`The key provider ${provider.name} does not open the ledger's keys: ${messageOf(cause)}`, {
      hint: `The key of tenant ${tenant} is wrapped by ${keyId}. Name the file, variable or transit key that holds it.`,
      cause,
    });
  }
}
