// The key providers: one contract over all of them, the KMS over real HTTP.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeyProvider } from '../../runtime/keys/index.ts';
import { newKey } from '../../runtime/keys/index.ts';
import { createLocalProvider } from '../../runtime/keys/local-provider.ts';
import { createVaultProvider } from '../../runtime/keys/vault-provider.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import type { VaultStandIn } from '../support/vault-stand-in.ts';
import { startVault } from '../support/vault-stand-in.ts';

let vault: VaultStandIn;
beforeAll(async () => {
  vault = await startVault('countersign');
});
afterAll(() => vault.close());

const inVault = (more: object = {}): KeyProvider =>
  createVaultProvider({ address: `${vault.url}/`, token: vault.token, key: 'countersign', timeoutMs: 500, ...more });
const oldKek = { id: 'old', key: newKey() };
const newKek = { id: 'new', key: newKey() };

describe.each<[string, () => KeyProvider, () => KeyProvider]>([
  [
    'keys of this process',
    () => createLocalProvider('file', [oldKek]),
    () => createLocalProvider('file', [newKek, oldKek]),
  ],
  [
    'a Vault',
    () => inVault(),
    () => {
      vault.rotate();
      return inVault();
    },
  ],
])('%s', (_, open, rotated) => {
  it('gives back the key it wrapped, and shows it nowhere', async () => {
    const key = newKey();
    const wrapped = await open().wrap('tenant-key:acme', key);
    expect(Buffer.from(await open().unwrap('tenant-key:acme', wrapped))).toEqual(Buffer.from(key));
    expect(Buffer.from(wrapped.wrapped).includes(Buffer.from(key))).toBe(false);
    expect(wrapped.keyId).toBe(await open().currentKeyId());
  });

  it('refuses it in another context', async () => {
    const wrapped = await open().wrap('tenant-key:acme', newKey());
    await expect(open().unwrap('tenant-key:globex', wrapped)).rejects.toMatchObject({
      type: Failure.KeyDamaged,
      nonRetryable: true,
    });
  });

  it('refuses it with a byte changed', async () => {
    const { keyId, wrapped } = await open().wrap('c', newKey());
    const changed = Buffer.from(wrapped);
    changed[20] = changed[20] === 65 ? 66 : 65;
    await expect(open().unwrap('c', { keyId, wrapped: changed })).rejects.toMatchObject({ type: Failure.KeyDamaged });
  });

  it('names a key that it does not have', async () => {
    const { wrapped } = await open().wrap('c', newKey());
    const unwrapping = open().unwrap('c', { keyId: 'elsewhere', wrapped });
    await expect(unwrapping).rejects.toMatchObject({ type: Failure.KeyUnknown, nonRetryable: true });
    await expect(unwrapping).rejects.toThrow('has no key elsewhere');
  });

  it('reads after a rotation what was wrapped before, and wraps with another key', async () => {
    const key = newKey();
    const before = await open().wrap('c', key);
    const provider = rotated();
    expect(Buffer.from(await provider.unwrap('c', before))).toEqual(Buffer.from(key));
    const after = await provider.wrap('c', key);
    expect(after.keyId).not.toBe(before.keyId);
    expect(after.keyId).toBe(await provider.currentKeyId());
  });
});

describe('a Vault', () => {
  const unavailable = { type: Failure.KeyUnavailable, nonRetryable: false };

  it('that is sealed, away or refuses the token is tried again, and its token is repeated nowhere', async () => {
    vault.seal(true);
    await expect(inVault().wrap('c', newKey())).rejects.toMatchObject(unavailable);
    vault.seal(false);
    const refused = inVault({ token: 'hvs.canary' }).wrap('c', newKey());
    await expect(refused).rejects.toMatchObject(unavailable);
    await expect(refused).rejects.not.toThrow('canary');
    await expect(inVault({ address: 'http://127.0.0.1:1' }).wrap('c', newKey())).rejects.toMatchObject(unavailable);
  });

  it('without the transit key, or mounted elsewhere, is named', async () => {
    await expect(inVault({ key: 'other' }).currentKeyId()).rejects.toThrow('has no key transit/other');
    await expect(inVault({ mount: 'crypto' }).wrap('c', newKey())).rejects.toThrow('has no key crypto/countersign');
  });

  it('gets the key over its API and nothing but the wrapped key and its context', async () => {
    const before = vault.requests.length;
    const wrapped = await inVault().wrap('c', newKey());
    await inVault().unwrap('c', wrapped);
    expect(vault.requests.slice(before)).toEqual([
      'POST /v1/transit/encrypt/countersign',
      'POST /v1/transit/decrypt/countersign',
    ]);
  });
});
