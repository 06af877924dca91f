// The receipt of a call that people approved, held against everything again right before the effect: the request as the ledger has
// it, each decision's signature, the approver registry as it is now. Independent of what the workflow checked.
import { compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import { z } from 'zod';
import type { ApprovalRequest, ApproverKey, DecisionClaims, Verdict } from '../workflows/protocol/index.ts';
import { DECISION_TYPE, MAX_REASON_CHARS } from '../workflows/protocol/index.ts';
import type { FrozenCall } from './frozen-calls.ts';
import { rulesText } from './run-facts.ts';

/** How far an approver's clock may be off. */
const MAX_CLOCK_SKEW_MS = 5 * 60_000;

const headerSchema = z.strictObject({ alg: z.literal('EdDSA'), kid: z.string(), typ: z.literal(DECISION_TYPE) });

const claimsSchema = z.object({
  v: z.literal(1),
  requestHash: z.templateLiteral(['hmac-sha256:', z.string()]),
  decision: z.enum(['approve', 'reject']),
  approver: z.string().min(1),
  iat: z.number(),
  exp: z.number(),
  jti: z.string().min(1),
  reason: z.string().max(MAX_REASON_CHARS),
  proof: z.object({ kind: z.literal('jws') }),
});

export interface Receipt {
  readonly request: ApprovalRequest;
  /** Recomputed under the run's key. */
  readonly requestHash: string;
  readonly decisions: readonly string[];
  /** Of the registry, valid now. */
  readonly keys: readonly ApproverKey[];
  /** Whom the run acts for. */
  readonly requester: string;
  /** The definition that the release pins and this worker has. */
  readonly definitionHash: string;
  readonly call: FrozenCall;
  /** The quorum that the policy asks for now; the larger one counts. */
  readonly demanded: { readonly n: number; readonly groups: readonly string[] };
  /** What the access policy says now of an approver's deciding on this call. */
  mayApprove(approver: { readonly id: string; readonly groups: readonly string[] }): Verdict;
  /** The ledger's clock. */
  readonly now: Date;
}

/** Who signed; or why the receipt does not hold, in one sentence without content. */
export type Checked = { readonly approvers: readonly string[] } | { readonly fault: string };

export async function checkReceipt(receipt: Receipt): Promise<Checked> {
  const fault = bindingFault(receipt);
  return fault === undefined ? await checkQuorum(receipt) : { fault };
}

function bindingFault({ request, call, requester, definitionHash, now }: Receipt): string | undefined {
  if (request.kind !== 'tool') return `the approval is of kind ${request.kind}`;
  if (request.workflowId !== call.runId) return 'the approval is of another run';
  if (request.effectKey !== call.effectKey) return 'the approval is of another call';
  if (request.tool !== call.tool) return 'the approval is of another tool';
  if (request.argsHash !== call.argsHash) return 'the approval is of other arguments';
  if (request.toolDefinitionHash !== definitionHash || call.definitionHash !== definitionHash) {
    return 'the tool is not the one that was approved';
  }
  if (request.requester !== requester) return 'the approval names another requester';
  if (!(now.getTime() <= Date.parse(request.useBy))) return `the approval could be used until ${request.useBy}`;
  return undefined;
}

async function checkQuorum(receipt: Receipt): Promise<Checked> {
  const { request, decisions, demanded } = receipt;
  const approvers = new Set<string>();
  for (const jws of decisions) {
    const decision = await verified(jws, receipt);
    if (typeof decision === 'string') return { fault: decision };
    if (decision.decision === 'reject') return { fault: `${decision.approver} rejected it` };
    approvers.add(decision.approver);
  }
  const needed = Math.max(request.quorum.n, demanded.n);
  if (approvers.size >= needed) return { approvers: [...approvers] };
  return { fault: `${approvers.size} of ${needed} approvers signed` };
}

async function verified(jws: string, receipt: Receipt): Promise<DecisionClaims | string> {
  const { request, requestHash, keys, requester, demanded, now } = receipt;
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
  if (claims.approver === requester) return `${claims.approver} asked for it and cannot approve it`;
  const groups = [...request.quorum.groups].filter((group) => demanded.groups.includes(group));
  if (!key.groups.some((group) => groups.includes(group)))
    return `${claims.approver} is in no group that may approve it`;
  const verdict = receipt.mayApprove({ id: key.approver, groups: key.groups });
  if (verdict.decision === 'deny') {
    return `the access policy does not let ${claims.approver} approve it (${rulesText(verdict.rules)})`;
  }
  const issuedMs = claims.iat * 1000;
  if (
    !(issuedMs >= Date.parse(request.notBefore) - MAX_CLOCK_SKEW_MS && issuedMs <= now.getTime() + MAX_CLOCK_SKEW_MS)
  ) {
    return `the decision of ${claims.approver} was signed at a time that cannot be`;
  }
  if (!(issuedMs <= Date.parse(request.expiresAt)))
    return `the decision of ${claims.approver} came after ${request.expiresAt}`;
  if (!(claims.exp * 1000 >= now.getTime())) return `the decision of ${claims.approver} has expired`;
  return claims;
}

function headerOf(jws: string): z.infer<typeof headerSchema> | undefined {
  try {
    return headerSchema.safeParse(decodeProtectedHeader(jws)).data;
  } catch {
    return undefined;
  }
}
