// Tokens of the codec server: a compact JWS (EdDSA) under the assertion key that says who may read payloads, and until when.
import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { Principal } from '../workflows/protocol/index.ts';
import type { AssertionKey } from './assertion.ts';

/** Keeps these tokens apart from assertions, which the same key signs. */
const AUDIENCE = 'countersign-codec';
/** Roles whose holders may read the content of their tenant's runs. */
export const READER_ROLES: readonly string[] = ['auditor', 'operator'];
export const MAX_TOKEN_SECONDS = 24 * 60 * 60;
/** How far the clocks of signer and verifier may differ. */
const CLOCK_TOLERANCE_S = 30;

/** Who reads. */
export type Reader = Pick<Principal, 'id' | 'tenant' | 'roles'>;

const claimsSchema = z.object({
  v: z.literal(1),
  aud: z.literal(AUDIENCE),
  iat: z.number(),
  exp: z.number(),
  principal: z.object({
    id: z.string().min(1).max(200),
    tenant: z.string().min(1).max(200),
    roles: z.array(z.string()),
  }),
});

/** Valid from now on. @param seconds at most 24 hours. @throws RangeError for another number */
export async function signCodecToken(signer: AssertionKey, reader: Reader, seconds: number): Promise<string> {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_TOKEN_SECONDS) {
    throw new RangeError(`A token holds for 1 to ${MAX_TOKEN_SECONDS} seconds, not ${seconds}`);
  }
  const { id, tenant, roles } = reader;
  const now = Math.floor(Date.now() / 1000);
  return await new SignJWT({ v: 1, principal: { id, tenant, roles } })
    .setProtectedHeader({ alg: 'EdDSA', kid: signer.kid })
    .setAudience(AUDIENCE)
    .setIssuedAt(now)
    .setExpirationTime(now + seconds)
    .sign(signer.key);
}

/**
 * Who a token was made for. Whether their roles suffice is for the caller to check.
 *
 * @throws Error saying which check failed; never repeats the token, nor what an unverified one claims
 */
export async function verifyCodecToken(verifier: AssertionKey, token: string): Promise<Reader> {
  const options = { algorithms: ['EdDSA'], audience: AUDIENCE, clockTolerance: CLOCK_TOLERANCE_S };
  const { payload, protectedHeader } = await jwtVerify(token, verifier.key, {
    ...options,
    maxTokenAge: MAX_TOKEN_SECONDS,
    requiredClaims: ['exp', 'iat'],
  }).catch((cause: unknown) => {
    throw new Error(whyRefused(cause), { cause });
  });
  if (protectedHeader.kid !== verifier.kid) throw new Error('the token names another key');
  const claims = claimsSchema.safeParse(payload);
  if (!claims.success) throw new Error('the token lacks claims, or has others');
  const { iat, exp, principal } = claims.data;
  if (exp - iat > MAX_TOKEN_SECONDS) throw new Error('the token holds for more than 24 hours');
  return principal;
}

function whyRefused(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'the signature of the token does not hold';
  if (error instanceof errors.JWTClaimValidationFailed) {
    return error.claim === 'aud' ? 'the token was made for another audience' : `the claim ${error.claim} does not hold`;
  }
  return 'not a token of ours';
}
