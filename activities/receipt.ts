// The receipt of a call that people approved, held against everything again right before the effect: the request as the ledger has
// it, each decision's signature, the approver registry as it is now. Independent of what the workflow checked.
import type { DecisionKind } from '../workflows/protocol/index.ts';
import type { Deciding } from './count-decisions.ts';
import { countDecisions } from './count-decisions.ts';
import type { FrozenCall } from './frozen-calls.ts';
import { amountOf } from './run-facts.ts';
import { isSameAmount } from './tools/amount.ts';

export interface Receipt extends Omit<Deciding, 'groups'> {
  /** The definition that the release pins and this worker has. */
  readonly definitionHash: string;
  readonly call: FrozenCall;
  /** The quorum that the policy asks for now; the larger one counts. */
  readonly demanded: { readonly n: number; readonly groups: readonly string[] };
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
  if (!isSameAmount(request.amount, amountOf(call.verdict.facts.context))) return 'the approval names another amount';
  if (request.toolDefinitionHash !== definitionHash || call.definitionHash !== definitionHash) {
    return 'the tool is not the one that was approved';
  }
  if (request.requester !== requester) return 'the approval names another requester';
  if (!(now.getTime() <= Date.parse(request.useBy))) return `the approval could be used until ${request.useBy}`;
  return undefined;
}

async function checkQuorum(receipt: Receipt): Promise<Checked> {
  const { request, demanded } = receipt;
  const groups = request.quorum.groups.filter((group) => demanded.groups.includes(group));
  const counted = await countDecisions({ ...receipt, groups });
  if ('fault' in counted) return counted;
  const { approvers, signers, ended } = counted;
  if (ended !== undefined) return { fault: `${ended.approver} ${DID[ended.decision]} it` };
  const needed = Math.max(request.quorum.n, demanded.n);
  if (approvers.length >= needed) return { approvers: signers };
  return { fault: `${approvers.length} of ${needed} approvers signed` };
}

const DID: Readonly<Record<DecisionKind, string>> = {
  approve: 'approved',
  reject: 'rejected',
  edit: 'changed',
  respond: 'answered',
  delegate: 'delegated',
  cancel: 'cancelled',
};
