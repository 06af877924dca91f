// What approvers sign, as compact JWS (RFC 7515) with EdDSA; and what such a text claims, unverified.
import type { CryptoKey } from 'jose';
import { CompactSign, importJWK } from 'jose';
import { canonicalJson } from '../runtime/canonical.ts';
import { UserError } from '../runtime/errors.ts';
import type { AnySigner } from './decision.ts';

/** @param type `typ` of its header. @throws UserError for a key that cannot sign */
export async function signClaims(signer: AnySigner, type: string, claims: object): Promise<string> {
  return await new CompactSign(new TextEncoder().encode(canonicalJson(claims)))
    .setProtectedHeader({ alg: 'EdDSA', kid: signer.kid, typ: type })
    .sign(await keyOf(signer));
}

/** Header and claims; `undefined` for a part that is not JSON. */
export function decodeJws(jws: string): { readonly header: unknown; readonly claims: unknown } {
  const [header = '', claims = ''] = jws.split('.');
  return { header: parse(header), claims: parse(claims) };
}

function parse(base64Url: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64Url, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

async function keyOf(signer: AnySigner): Promise<CryptoKey> {
  try {
    const key = 'key' in signer ? signer.key : await importJWK({ ...signer.privateKey }, 'EdDSA');
    if (!(key instanceof Uint8Array) && key.type === 'private') return key;
  } catch {
    // Told below, without what the library says of the key.
  }
  throw new UserError(`The key ${signer.kid} of ${signer.approver} cannot sign`, {
    hint: 'It must be the private half of an Ed25519 key.',
    exitCode: 64,
  });
}
