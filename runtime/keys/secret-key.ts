// Keys as Node's crypto likes them: given bytes, it makes a key object at every call, which takes longer than the call itself
// (some 60 µs, measured over an answer's 40 payloads). Made once for each key that is in memory.
import type { KeyObject } from 'node:crypto';
import { createSecretKey } from 'node:crypto';

const made = new WeakMap<Uint8Array, KeyObject>();

export function secretKey(key: Uint8Array): KeyObject {
  const known = made.get(key);
  if (known !== undefined) return known;
  const object = createSecretKey(key);
  made.set(key, object);
  return object;
}
