// Key-encryption keys in the transit engine of HashiCorp Vault or OpenBao: keys never leave it. Speaks its HTTP API (v1).
import { z } from 'zod';
import type { KeyProvider, WrappedKey } from './key-provider.ts';
import { keyDamaged, keyUnavailable, keyUnknown } from './key-provider.ts';

export interface VaultSettings {
  /** For example `https://vault.example.com:8200`. */
  readonly address: string;
  /** May encrypt and decrypt with the key and read its version. Never logged. */
  readonly token: string;
  /** Name of the transit key; of a type with associated data, such as aes256-gcm96. */
  readonly key: string;
  /** Where the engine is mounted. @default 'transit' */
  readonly mount?: string;
  /** Namespace of Vault Enterprise or OpenBao. */
  readonly namespace?: string;
  /** @default 5000 */
  readonly timeoutMs?: number;
}

const NAME = 'vault';
const encrypted = z.object({ data: z.object({ ciphertext: z.string().startsWith('vault:v') }) });
const decrypted = z.object({ data: z.object({ plaintext: z.base64() }) });
const described = z.object({ data: z.object({ latest_version: z.number().int().positive() }) });

export function createVaultProvider(settings: VaultSettings): KeyProvider {
  const { address, token, key, mount = 'transit', namespace, timeoutMs = 5000 } = settings;
  const base = `${address.replace(/\/+$/, '')}/v1/${mount}`;
  const keyIdOf = (version: number | string): string => `${mount}/${key}:v${version}`;

  async function ask<T>(schema: z.ZodType<T>, path: string, body?: object): Promise<T> {
    let response: Response;
    try {
      response = await fetch(`${base}/${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        // A redirect could carry the token elsewhere.
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          'x-vault-token': token,
          'content-type': 'application/json',
          ...(namespace !== undefined && { 'x-vault-namespace': namespace }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (response.ok) return schema.parse(await response.json());
    } catch (cause) {
      throw keyUnavailable(NAME, cause);
    }
    if (response.status === 404) throw keyUnknown(NAME, `${mount}/${key}`);
    // 400 is what it says of a ciphertext that does not open; everything else may pass: sealed, standby, token not renewed yet.
    if (response.status === 400) throw keyDamaged(`key (${NAME} answered 400)`);
    throw keyUnavailable(NAME, `HTTP ${response.status}`);
  }

  return {
    name: NAME,
    currentKeyId: async () => keyIdOf((await ask(described, `keys/${key}`)).data.latest_version),
    async wrap(context, plain) {
      const body = { plaintext: base64(plain), associated_data: base64(Buffer.from(context)) };
      const { ciphertext } = (await ask(encrypted, `encrypt/${key}`, body)).data;
      return { keyId: keyIdOf(versionOf(ciphertext)), wrapped: Buffer.from(ciphertext, 'utf8') };
    },
    async unwrap(context, { keyId, wrapped }: WrappedKey) {
      if (!keyId.startsWith(`${mount}/${key}:`)) throw keyUnknown(NAME, keyId);
      const ciphertext = Buffer.from(wrapped).toString('utf8');
      const body = { ciphertext, associated_data: base64(Buffer.from(context)) };
      return Buffer.from((await ask(decrypted, `decrypt/${key}`, body)).data.plaintext, 'base64');
    },
  };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const versionOf = (ciphertext: string): string => /^vault:v(\d+):/.exec(ciphertext)?.[1] ?? '1';
