// Authenticated encryption with 256-bit keys (AES-256-GCM, NIST SP 800-38D): what wraps keys and seals content. Pure but for randomness.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { secretKey } from './secret-key.ts';

const CIPHER = 'aes-256-gcm';
export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

/** 256 random bits. */
export const newKey = (): Uint8Array => randomBytes(KEY_BYTES);

/** Nonce, ciphertext, tag. `context` is authenticated, not stored. @param nonce @default random; never the same for two plaintexts */
export function seal(
  key: Uint8Array,
  context: string,
  plaintext: Uint8Array,
  nonce: Uint8Array = randomBytes(NONCE_BYTES),
): Buffer {
  const cipher = createCipheriv(CIPHER, secretKey(key), nonce, { authTagLength: TAG_BYTES }).setAAD(
    Buffer.from(context),
  );
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Reverses {@link seal}; throws when key, context or a byte differs. */
export function open(key: Uint8Array, context: string, sealed: Uint8Array): Buffer {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  // Shorter bytes would be read with a shorter tag, which is easier to guess.
  if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new TypeError('Not a sealed value: too short');
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, secretKey(key), nonce, { authTagLength: TAG_BYTES }).setAAD(
    Buffer.from(context),
  );
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES)), decipher.final()]);
}
