// Signatures of webhooks by the Standard Webhooks specification (standardwebhooks.com): HMAC-SHA-256 over id, time and body, so that a
// receiver checks them with any of its libraries. Pure.
import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;

/** Keys of secrets as they are written, `whsec_` and Base64, one space apart; `undefined` when one of them is none. */
export function secretKeys(text: string): readonly Buffer[] | undefined {
  const keys = text.split(' ').map(secretKey);
  return keys.includes(undefined) ? undefined : keys.filter((key) => key !== undefined);
}

function secretKey(secret: string): Buffer | undefined {
  const encoded = secret.slice(PREFIX.length);
  if (!secret.startsWith(PREFIX) || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined;
  const key = Buffer.from(encoded, 'base64');
  return key.length >= MIN_KEY_BYTES && key.length <= MAX_KEY_BYTES ? key : undefined;
}

export interface Signed {
  readonly 'webhook-id': string;
  /** Seconds since 1970. */
  readonly 'webhook-timestamp': string;
  /** `v1,` and Base64, one for each key, a space apart. */
  readonly 'webhook-signature': string;
}

export function signWebhook(
  keys: readonly Uint8Array[],
  { id, body, at }: { readonly id: string; readonly body: string; readonly at: Date },
): Signed {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signature = (key: Uint8Array): string =>
    `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': keys.map(signature).join(' ') };
}
