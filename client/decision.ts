// Decisions as approvers sign them: a compact EdDSA JWS over the hash of a request that this process opened and hashed itself.
import { readFileSync } from 'node:fs';
import type { CryptoKey, JWK } from 'jose';
import { ulid } from 'ulid';
import { z } from 'zod';
import { sha256 } from '../runtime/canonical.ts';
import { UserError } from '../runtime/errors.ts';
import type { ApprovalRequest, DecisionClaims, DecisionKind, KeyedHash } from '../workflows/protocol/index.ts';
import {
  DECISION_KINDS,
  DECISION_TYPE,
  editedBytes,
  MAX_REASON_CHARS,
  WIRE_VERSION,
} from '../workflows/protocol/index.ts';
import { decodeJws, signClaims } from './jws.ts';

/** Who decides, with the private half of a key that the approver registry knows. */
export interface Signer {
  /** Id in the approver registry. */
  readonly approver: string;
  readonly kid: string;
  /** Ed25519, private (RFC 8037). */
  readonly privateKey: JWK;
}

/** Who vouches for principals, and signs in the name of one: of that which a run acts for. */
export interface GatewaySigner {
  /** Id of the principal. */
  readonly approver: string;
  readonly kid: string;
  readonly key: CryptoKey;
}

export type AnySigner = Signer | GatewaySigner;

export interface DecisionToSign {
  readonly decision: DecisionKind;
  readonly reason: string;
  readonly request: Pick<ApprovalRequest, 'useBy'>;
  /** Recomputed from the opened request, never taken over from somebody. */
  readonly requestHash: KeyedHash;
  /** Of an edit the arguments, of a response the value, as JSON text. */
  readonly edited?: string | undefined;
  /** Of a delegation: id of who decides instead. */
  readonly delegate?: string | undefined;
}

export interface SignedDecision {
  readonly claims: DecisionClaims;
  /** Compact JWS. */
  readonly jws: string;
}

/** A decision as it stands in the ledger. Its signature is verified at the effect, not here. */
export interface RecordedDecision {
  readonly approver: string;
  readonly decision: DecisionKind;
  /** Of a delegation: to whom. */
  readonly delegate?: string;
  /** RFC 3339, by the approver's clock. */
  readonly decidedAt: string;
  readonly reason: string;
  readonly kid: string;
}

const privateJwkSchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().min(1),
  d: z.string().min(1),
  kid: z.string().min(1).max(200),
  approver: z.string().min(1).max(200),
});

/**
 * Who signs, from a private JWK with `kid` and `approver`, as `countersign keys new` writes it.
 *
 * @throws UserError when the file is not one; never repeats what it has
 */
export function readSigner(path: string): Signer {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UserError(`Cannot read an approver's key from ${path}`, { hint: MAKE_A_KEY, exitCode: 64, cause });
  }
  try {
    const { kid, approver, ...privateKey } = privateJwkSchema.parse(JSON.parse(text));
    return { approver, kid, privateKey };
  } catch {
    // Without the cause: what a JSON parser says quotes the file.
    throw new UserError(`${path} is not an approver's key: a private Ed25519 JWK with kid and approver`, {
      hint: MAKE_A_KEY,
      exitCode: 64,
    });
  }
}

const MAKE_A_KEY = 'Name the private JWK that `npx countersign keys new` wrote.';

/** @throws UserError for a reason that is absent from a rejection or too long, and for a key that cannot sign */
export async function signDecision(signer: AnySigner, what: DecisionToSign, nowMs: number): Promise<SignedDecision> {
  const { decision, requestHash, edited, delegate } = what;
  const jti = ulid(nowMs);
  const reason = edited === undefined ? requireReason(decision, what.reason) : what.reason.trim();
  const claims: DecisionClaims = {
    v: WIRE_VERSION,
    requestHash,
    decision,
    approver: signer.approver,
    iat: nowMs / 1000,
    exp: Date.parse(what.request.useBy) / 1000,
    jti,
    reason,
    proof: { kind: 'key' in signer ? 'gateway' : 'jws' },
    ...(edited !== undefined && { editedHash: sha256(editedBytes(jti, edited)) }),
    ...(delegate !== undefined && { delegate }),
  };
  return { claims, jws: await signClaims(signer, DECISION_TYPE, claims) };
}

/** The reason, trimmed. @throws UserError, wrong use */
export function requireReason(decision: DecisionKind, reason: string): string {
  const trimmed = reason.trim();
  if (decision === 'reject' && trimmed === '') {
    throw new UserError('A rejection needs a reason', {
      hint: 'Say why: the reason goes back to the model, and into the record.',
      exitCode: 64,
    });
  }
  if (decision === 'respond' && trimmed === '') {
    throw new UserError('A response needs a text', {
      hint: "Say what the model is to be told in the place of the tool's result.",
      exitCode: 64,
    });
  }
  if (trimmed.length <= MAX_REASON_CHARS) return trimmed;
  throw new UserError(`The reason has ${trimmed.length.toLocaleString('en')} characters`, {
    hint: `At most ${MAX_REASON_CHARS.toLocaleString('en')} are kept.`,
    exitCode: 64,
  });
}

const headerSchema = z.object({ kid: z.string() });
const claimsSchema = z.object({
  decision: z.enum(DECISION_KINDS),
  approver: z.string(),
  delegate: z.string().optional(),
  iat: z.number().min(0).max(8.64e12),
  reason: z.string(),
});

/** What a compact JWS claims, unverified; `undefined` for anything that is not a decision. */
export function decodeDecision(jws: string): RecordedDecision | undefined {
  const { header, claims } = decodeJws(jws);
  const parsed = claimsSchema.safeParse(claims);
  const head = headerSchema.safeParse(header);
  if (!parsed.success || !head.success) return undefined;
  const { decision, approver, delegate, iat, reason } = parsed.data;
  const decidedAt = new Date(iat * 1000).toISOString();
  return { approver, decision, ...(delegate !== undefined && { delegate }), decidedAt, reason, kid: head.data.kid };
}
