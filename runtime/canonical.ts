// Canonical JSON (JCS, RFC 8785) and the hashes made over it. Node only: workflow code never hashes with run keys.
import { createHash, createHmac } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Digest, HashPrefix, KeyedHash } from '../workflows/protocol/index.ts';
import { secretKey } from './keys/secret-key.ts';

/** JCS text of a JSON value. Throws a TypeError for what JSON cannot say (undefined, functions, NaN). */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('Value has no canonical JSON form');
  return text;
}

/** `sha256:` and the hex SHA-256 of bytes or of a string's UTF-8. */
export function sha256(content: string | Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

export function digestOf(value: unknown): Digest {
  return sha256(canonicalJson(value));
}

/** HMAC-SHA-256 under the run's key over `prefix`, NUL and the canonical JSON of `value`. */
export function keyedHash(runKey: Uint8Array, prefix: HashPrefix, value: unknown): KeyedHash {
  const mac = createHmac('sha256', secretKey(runKey))
    .update(prefix)
    .update('\0')
    .update(canonicalJson(value))
    .digest('hex');
  return `hmac-sha256:${mac}`;
}
