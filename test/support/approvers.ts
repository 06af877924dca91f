// Approvers for tests: keys, a signed registry in the engine's home, and decisions of every kind, forged ones included.
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CompactJWSHeaderParameters } from 'jose';
import { CompactSign, importJWK } from 'jose';
import { newKey, readPrivateKey } from '../../policies/approver-keys.ts';
import { signApprover } from '../../policies/approvers.ts';
import type { Config } from '../../runtime/config.ts';
import type { DecisionClaims, PendingApproval } from '../../workflows/protocol/index.ts';
import { DECISION_TYPE } from '../../workflows/protocol/index.ts';

export interface TestApprover {
  readonly id: string;
  readonly kid: string;
  readonly jwk: Readonly<Record<string, string>>;
}

export type Groups = Readonly<Record<string, readonly string[]>>;

/** Writes a registry of these approvers, by id, signed by a new admin key. The files are those of the config. */
export function writeApprovers(
  config: Pick<Config, 'approversFile' | 'approversKeyFile'>,
  groups: Groups,
  earlier: ReadonlyMap<string, TestApprover> = new Map(),
): ReadonlyMap<string, TestApprover> {
  mkdirSync(dirname(config.approversKeyFile), { recursive: true });
  const admin = newKey('admin');
  const privateFile = `${config.approversKeyFile}.private`;
  writeFileSync(privateFile, JSON.stringify(admin.privateJwk), { mode: 0o600 });
  const adminKey = readPrivateKey(privateFile).key;
  const approvers = Object.keys(groups).map((id) => earlier.get(id) ?? newApprover(id));
  const entries = approvers.map(({ id, kid, jwk }) =>
    signApprover(adminKey, {
      id,
      groups: [...(groups[id] ?? [])],
      keys: [{ kid, x: jwk['x'] ?? '' }],
      validFrom: '2020-01-01T00:00:00Z',
      validUntil: '2099-01-01T00:00:00Z',
    }),
  );
  writeFileSync(config.approversKeyFile, JSON.stringify(admin.publicJwk));
  writeFileSync(config.approversFile, JSON.stringify({ v: 1, approvers: entries }));
  return new Map(approvers.map((approver) => [approver.id, approver]));
}

export function newApprover(id: string): TestApprover {
  const kid = `${id}-${randomUUID().slice(0, 8)}`;
  return { id, kid, jwk: newKey(kid).privateJwk };
}

export interface Forgery {
  readonly claims?: Partial<Record<keyof DecisionClaims, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** A decision as an approver's client signs it, with whatever `forgery` changes before it is signed. */
export async function signDecision(
  approver: TestApprover,
  pending: Pick<PendingApproval, 'requestHash'>,
  decision: DecisionClaims['decision'] = 'approve',
  { claims = {}, header = {} }: Forgery = {},
): Promise<string> {
  const now = Date.now() / 1000;
  const payload = {
    v: 1,
    requestHash: pending.requestHash,
    decision,
    approver: approver.id,
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
    .sign(await importJWK({ ...approver.jwk }, 'EdDSA'));
}
