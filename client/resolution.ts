// Resolutions: what a person found out of an effect that nobody could tell, signed with the key of an approver.
import { ulid } from 'ulid';
import { z } from 'zod';
import { UserError } from '../runtime/errors.ts';
import { open, seal } from '../runtime/keys/index.ts';
import type { Digest, RunId } from '../workflows/protocol/index.ts';
import { MAX_REASON_CHARS } from '../workflows/protocol/index.ts';
import type { Signer } from './decision.ts';
import { decodeJws, signClaims } from './jws.ts';

export interface ResolveOptions {
  /** `done`: it happened. `failed`: it certainly did not. */
  readonly state: 'done' | 'failed';
  /** How it was found out; at most 2,000 characters. */
  readonly reason: string;
  /** The outside system's own, for example the id of a refund. */
  readonly receipt?: string;
  readonly signer: Signer;
}

/** As it stands in the ledger. */
export interface Resolution {
  readonly state: 'done' | 'failed';
  readonly by: string;
  /** RFC 3339. */
  readonly at: string;
  readonly reason: string;
  readonly receipt: string | null;
  readonly kid: string;
}

const RESOLUTION_TYPE = 'countersign-resolution+jwt';
const MAX_RECEIPT_CHARS = 500;

const claimsSchema = z.object({
  v: z.literal(1),
  effectKey: z.string(),
  runId: z.string(),
  state: z.enum(['done', 'failed']),
  reason: z.string(),
  receipt: z.string().nullable(),
  approver: z.string(),
  iat: z.number(),
});

/** @throws UserError for a reason that is missing or too long, and for a key that cannot sign */
export async function signResolution(
  effect: { readonly effectKey: Digest; readonly runId: RunId },
  { state, reason, receipt, signer }: ResolveOptions,
  nowMs: number,
): Promise<string> {
  requireText('reason', reason, MAX_REASON_CHARS);
  if (receipt !== undefined) requireText('receipt', receipt, MAX_RECEIPT_CHARS);
  const claims = {
    v: 1,
    ...effect,
    state,
    reason: reason.trim(),
    receipt: receipt ?? null,
    approver: signer.approver,
    iat: nowMs / 1000,
    jti: ulid(nowMs),
  };
  return await signClaims(signer, RESOLUTION_TYPE, claims);
}

export const sealResolution = (runKey: Uint8Array, effectKey: Digest, jws: string): Buffer =>
  seal(runKey, contextOf(effectKey), Buffer.from(jws));

/** Its signature is verified by whoever audits, not here. @throws when key, effect or a byte differs */
export function openResolution(runKey: Uint8Array, effectKey: Digest, sealed: Uint8Array, at: Date): Resolution {
  const { header, claims } = decodeJws(open(runKey, contextOf(effectKey), sealed).toString('utf8'));
  const { kid } = z.object({ kid: z.string() }).parse(header);
  const { state, reason, receipt, approver: by, effectKey: of } = claimsSchema.parse(claims);
  if (of !== effectKey) throw new Error('A resolution is of another effect');
  return { state, by, at: at.toISOString(), reason, receipt, kid };
}

const contextOf = (effectKey: Digest): string => `effect-resolution:${effectKey}`;

function requireText(what: string, text: string, maxChars: number): void {
  if (text.trim() !== '' && text.length <= maxChars) return;
  throw new UserError(`A resolution needs a ${what}`, { hint: `1 to ${maxChars} characters.`, exitCode: 64 });
}
