// Decisions on one request, held against everything again: signatures, the approver registry as it is now, groups, delegations,
// times, the access policy. Independent of what the workflow checked. Answers in words, without content.
import { compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import { z } from 'zod';
import type { ApprovalRequest, ApproverKey, DecisionClaims, Verdict } from '../workflows/protocol/index.ts';
import { DECISION_KINDS, DECISION_TYPE, MAX_REASON_CHARS } from '../workflows/protocol/index.ts';
import { rulesText } from './run-facts.ts';

/** How far an approver's clock may be off. */
const MAX_CLOCK_SKEW_MS = 5 * 60_000;

const headerSchema = z.strictObject({ alg: z.literal('EdDSA'), kid: z.string(), typ: z.literal(DECISION_TYPE) });

const claimsSchema = z.object({
  v: z.literal(1),
  requestHash: z.templateLiteral(['hmac-sha256:', z.string()]),
  decision: z.enum(DECISION_KINDS),
  approver: z.string().min(1),
  iat: z.number(),
  exp: z.number(),
  jti: z.string().min(1),
  reason: z.string().max(MAX_REASON_CHARS),
  proof: z.object({ kind: z.enum(['jws', 'gateway']) }),
  editedHash: z.templateLiteral(['sha256:', z.string()]).exactOptional(),
  delegate: z.string().min(1).exactOptional(),
});

export interface Deciding {
  readonly request: ApprovalRequest;
  /** Recomputed under the run's key. */
  readonly requestHash: string;
  /** Compact JWS each, in the order in which they counted. */
  readonly decisions: readonly string[];
  /** Of the registry, valid now. */
  readonly keys: readonly ApproverKey[];
  /** Whom the run acts for. */
  readonly requester: string;
  /** Key of whoever vouches for principals, where the requester is asked: what it signed is not to pass for what they signed themselves. */
  readonly vouchingKid?: string;
  /** The groups that may decide on the request by the policy of now. */
  readonly groups: readonly string[];
  /** What the access policy says now of an approver's deciding on this call. */
  mayApprove(approver: { readonly id: string; readonly groups: readonly string[] }): Verdict;
  /** The ledger's clock. */
  readonly now: Date;
}

export interface Counted {
  /** Who approved: distinct people. */
  readonly approvers: readonly string[];
  /** Who signed anything that stands behind it: approvers, and who delegated to them. */
  readonly signers: readonly string[];
  /** The last decision, if it ended the approval otherwise than by its quorum. */
  readonly ended?: DecisionClaims;
}

/** What the decisions come to; or why they do not hold, in one sentence without content. */
export async function countDecisions(deciding: Deciding): Promise<Counted | { readonly fault: string }> {
  const approvers: string[] = [];
  const signers = new Set<string>();
  const delegates = new Set<string>();
  for (const [index, jws] of deciding.decisions.entries()) {
    const claims = await verified(jws, deciding, delegates);
    if (typeof claims === 'string') return { fault: claims };
    const { approver, decision, delegate } = claims;
    if (signers.has(approver)) return { fault: `${approver} decided twice` };
    signers.add(approver);
    if (decision === 'approve') approvers.push(approver);
    else if (decision === 'delegate' && delegate !== undefined) delegates.add(delegate);
    else if (index === deciding.decisions.length - 1) return { approvers, signers: [...signers], ended: claims };
    else return { fault: `a decision came after that of ${approver}, which ended it` };
  }
  return { approvers, signers: [...signers] };
}

async function verified(
  jws: string,
  deciding: Deciding,
  delegates: ReadonlySet<string>,
): Promise<DecisionClaims | string> {
  const { request, requestHash, keys, requester, now } = deciding;
  const header = headerOf(jws);
  const key = keys.find((each) => each.kid === header?.kid);
  if (header === undefined || key === undefined) return 'a decision is by no key of the approver registry';
  let claims: DecisionClaims;
  try {
    const publicKey = await importJWK({ kty: 'OKP', crv: 'Ed25519', x: key.x }, 'EdDSA');
    const { payload } = await compactVerify(jws, publicKey, { algorithms: ['EdDSA'] });
    claims = claimsSchema.parse(JSON.parse(new TextDecoder().decode(payload)));
  } catch {
    return `a decision by key ${key.kid} does not verify`;
  }
  if (claims.approver !== key.approver) return `a decision names another approver than its key ${key.kid} has`;
  if (claims.requestHash !== requestHash) return `the decision of ${claims.approver} is on another request`;
  const asksRequester = request.asksRequester === true;
  if (asksRequester && claims.approver !== requester) return `${claims.approver} was not asked`;
  if (!asksRequester && claims.approver === requester) return `${claims.approver} asked for it and cannot approve it`;
  const isVouched = asksRequester && key.kid === deciding.vouchingKid;
  if (claims.proof.kind !== (isVouched ? 'gateway' : 'jws')) return `${claims.approver} did not sign it as it says`;
  const fault = standingFault(claims, key, deciding, delegates);
  if (fault !== undefined) return fault;
  const issuedMs = claims.iat * 1000;
  // One of the clocks is wrong, and nobody here knows which.
  const signed = `the decision of ${claims.approver} was signed at ${timeOf(issuedMs)} by its clock`;
  if (!(issuedMs >= Date.parse(request.notBefore) - MAX_CLOCK_SKEW_MS)) {
    return `${signed}, before it was asked for at ${request.notBefore}: see whether their clocks are right`;
  }
  if (!(issuedMs <= now.getTime() + MAX_CLOCK_SKEW_MS)) {
    return `${signed}, and it is ${now.toISOString()} by the ledger’s: see whether both clocks are right`;
  }
  if (!(issuedMs <= Date.parse(request.expiresAt)))
    return `the decision of ${claims.approver} came after ${request.expiresAt}`;
  if (!(claims.exp * 1000 >= now.getTime())) return `the decision of ${claims.approver} has expired`;
  return claims;
}

/** Whether who signed may decide: by a group of theirs, or in the place of somebody who signed so before. */
function standingFault(
  { approver, decision, delegate }: DecisionClaims,
  { groups: own }: ApproverKey,
  { request, groups, requester, mayApprove }: Deciding,
  delegates: ReadonlySet<string>,
): string | undefined {
  const isAsked = request.asksRequester === true || own.some((group) => groups.includes(group));
  if (!isAsked && !delegates.has(approver)) return `${approver} is in no group that may approve it`;
  if (decision === 'delegate') {
    if (!isAsked) return `${approver} decides in the place of somebody else and cannot delegate`;
    if (delegate === undefined || delegate === requester || delegate === approver) {
      return `${approver} delegated to somebody who cannot decide`;
    }
  }
  const verdict = mayApprove({ id: approver, groups: own });
  if (verdict.decision !== 'deny') return undefined;
  return `the access policy does not let ${approver} approve it (${rulesText(verdict.rules)})`;
}

/** RFC 3339; what a date cannot hold, as it is. */
const timeOf = (ms: number): string => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`);

function headerOf(jws: string): z.infer<typeof headerSchema> | undefined {
  try {
    return headerSchema.safeParse(decodeProtectedHeader(jws)).data;
  } catch {
    return undefined;
  }
}
