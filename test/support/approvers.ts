// Decisions of every kind, forged ones included, for tests. Approvers and their registry come from `countersign/testing`.
import { randomUUID } from 'node:crypto';
import type { CompactJWSHeaderParameters } from 'jose';
import { CompactSign, importJWK } from 'jose';
import type { Signer } from '../../client/index.ts';
import type { DecisionClaims, PendingApproval } from '../../workflows/protocol/index.ts';
import { DECISION_TYPE } from '../../workflows/protocol/index.ts';

export type Groups = Readonly<Record<string, readonly string[]>>;

export interface Forgery {
  readonly claims?: Partial<Record<keyof DecisionClaims, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** A decision as an approver's client signs it, with whatever `forgery` changes before it is signed. */
export async function signDecision(
  approver: Signer,
  pending: Pick<PendingApproval, 'requestHash'>,
  decision: DecisionClaims['decision'] = 'approve',
  { claims = {}, header = {} }: Forgery = {},
): Promise<string> {
  const now = Date.now() / 1000;
  const payload = {
    v: 1,
    requestHash: pending.requestHash,
    decision,
    approver: approver.approver,
    iat: now,
    exp: now + 72 * 3600,
    jti: randomUUID(),
    reason: decision === 'reject' ? 'not this one' : '',
    proof: { kind: 'jws' },
    ...claims,
  };
  const protectedHeader = { alg: 'EdDSA', kid: approver.kid, typ: DECISION_TYPE, ...header };
  return await new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader(protectedHeader as CompactJWSHeaderParameters)
    .sign(await importJWK({ ...approver.privateKey }, 'EdDSA'));
}
