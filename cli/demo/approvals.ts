// The demo's second half: refunds that wait for people. Each scene says what must come of it; what differs is a fault.
import { generateKeyPairSync } from 'node:crypto';
import type {
  ApprovalDetail,
  CountersignClient,
  Decided,
  Reply,
  RunHandle,
  RunId,
  Signer,
} from '../../client/index.ts';
import { readSigner } from '../../client/index.ts';
import type { Config } from '../../runtime/config.ts';
import { messageOf, UserError } from '../../runtime/errors.ts';
import { commandsFor } from '../approval-commands.ts';
import { paint, print } from '../output.ts';
import { identityOf } from '../session.ts';
import { printApproval, printDecisions } from '../show-approval.ts';
import { printReply, printTimeline } from '../show-run.ts';
import { approverFiles } from '../stack/approver-keys.ts';
import { waitFor } from '../stack/wait.ts';
import type { Counts, Order, Shop } from './shop.ts';

const RELEASE = 'support_agent';
const WAIT_MS = 60_000;

export interface Stage {
  readonly client: CountersignClient;
  readonly config: Config;
  readonly shop: Shop;
  /** Nothing is printed without it. */
  readonly talk: boolean;
  /** Number of the first scene. */
  readonly from: number;
}

export interface Played {
  readonly runs: readonly RunId[];
  readonly faults: readonly string[];
  /** Of the last scene. */
  readonly until: number;
}

interface Asked {
  readonly run: RunHandle;
  readonly order: Order;
  readonly approval: ApprovalDetail;
}

/** @throws UserError when a run does not get as far as to ask */
export async function playApprovals(stage: Stage): Promise<Played> {
  const { shop, talk } = stage;
  const faults: string[] = [];
  const runs: RunId[] = [];
  const say = (text = ''): void => {
    if (talk) print(text === '' ? '' : `   ${text}`);
  };
  let scene = stage.from;
  const heading = (text: string): void => {
    if (talk) print(`\n${paint('bold', `${scene}. ${text}`)}`);
    scene += 1;
  };
  const before = await shop.counts();
  const ask = async (like: string, task: (order: string) => string): Promise<Asked> => {
    const order = await shop.orderLike(like);
    say(`staff asks: ${task(order.id)}`);
    const asked = await askAndWait(stage, order, task(order.id));
    runs.push(asked.run.id);
    return asked;
  };
  const finish = async ({ run }: Asked, withSteps = false): Promise<Reply> => {
    const reply = await run.result();
    if (talk) {
      print();
      printReply(reply, '   ');
      if (withSteps) print();
      if (withSteps) printTimeline(await run.timeline(), '   ');
    }
    return reply;
  };
  const expect = (holds: boolean, fault: string): void => void (holds || faults.push(fault));

  heading('A refund that waits for a person');
  const first = await ask('A-1001', (order) => `Refund order ${order}: it arrived damaged`);
  say('What an approver sees (`countersign approvals show`):');
  say();
  if (talk) printApproval(first.approval, commandsFor(first.approval, stage.config, undefined), new Date());

  heading('Its requester approves it, and somebody who holds another key');
  say('staff may approve refunds of others, and never their own:');
  expect(
    await isRefused(stage, first, signerOf(stage, 'staff'), say),
    'the requester’s own approval should be refused',
  );
  say('A forged approval in the name of manager, signed by another key:');
  expect(
    await isRefused(stage, first, forgedSigner(signerOf(stage, 'manager')), say),
    'a forged approval should be refused',
  );
  expect((await shop.order(first.order.id)).refundedCents === 0, 'nothing should be refunded before it is approved');
  say('Both stand in the security log, and nothing was refunded.');

  heading('A second person approves it, by Update');
  say(toldOf(await decide(stage, first, 'approve', 'update'), 'manager'));
  expect(await isRefunded(await finish(first, true), first, shop), 'the approved refund should be there');

  heading('Another one is approved by Signal, which needs no answer');
  const second = await ask('A-1006', (order) => `Refund order ${order}`);
  say(toldOf(await decide(stage, second, 'approve', 'signal'), 'manager'));
  expect(await isRefunded(await finish(second), second, shop), 'the refund approved by Signal should be there');

  heading('One of 100 EUR or more needs two people');
  const large = await ask('A-1003', (order) => `Refund order ${order}: it arrived damaged`);
  const one = await decide(stage, large, 'approve', 'update');
  say(toldOf(one, 'manager', large.approval.quorum));
  expect(one.state === 'pending' && one.missing === 1, 'one approval should not be enough for a large refund');
  expect(
    (await shop.order(large.order.id)).refundedCents === 0,
    'nothing should be refunded after one approval of two',
  );
  const two = await decide(stage, large, 'approve', 'update', 'The order and the amount are right.', 'supervisor');
  say(toldOf(two, 'supervisor'));
  expect(await isRefunded(await finish(large), large, shop), 'the refund that two approved should be there');
  const { decisions } = await stage.client.approvals.get(large.approval.id);
  say();
  say('Who decided, when, and with which key, from the ledger (`approvals show`):');
  if (talk) printDecisions(decisions, '   ');
  expect(
    decisions.map(({ approver, kid }) => approver !== '' && kid !== '' && approver).join() === 'manager,supervisor',
    'the ledger should name the two people and their keys',
  );

  heading('One is rejected with a reason, and the agent says so');
  const third = await ask('A-1007', (order) => `Refund order ${order}: the customer changed their mind`);
  const reason = 'The bookcases have not come back yet.';
  say(toldOf(await decide(stage, third, 'reject', 'update', reason), 'manager'));
  const rejected = await finish(third);
  expect(rejected.kind === 'answered' && rejected.text.includes(reason), 'the agent should say why it was rejected');
  expect((await shop.order(third.order.id)).refundedCents === 0, 'a rejected refund should not be made');

  heading('What the refund service saw');
  const after = await shop.counts();
  const made = difference(after, before);
  say(
    `${made.refundRequests} requests with ${made.refundKeys} keys, ${made.refunds} refunds of ${euros(made.refundedCents)}`,
  );
  const approved = first.order.totalCents + second.order.totalCents + large.order.totalCents;
  expect(
    made.refunds === 3 && made.refundKeys === 3,
    'the refund service should have seen exactly the approved refunds',
  );
  expect(made.refundedCents === approved, `exactly ${euros(approved)} should be refunded`);
  return { runs, faults, until: scene - 1 };
}

async function askAndWait({ client, config }: Stage, order: Order, task: string): Promise<Asked> {
  const run = await client.agent({ task }, { release: RELEASE, ...(await identityOf(config, 'staff', 'staff')) });
  let ended = false;
  const over = run.result().then(
    () => {
      ended = true;
    },
    () => {
      ended = true;
    },
  );
  const waiting = await waitFor(
    async () => (await client.approvals.list({ runId: run.id }))[0] ?? (ended ? null : undefined),
    { timeoutMs: WAIT_MS, intervalMs: 50 },
  );
  if (waiting != null) return { run, order, approval: await client.approvals.get(waiting.id) };
  if (ended) await over;
  const what = ended
    ? `ended without asking anybody: ${JSON.stringify(await run.result())}`
    : 'did not ask within a minute';
  throw new UserError(`Run ${run.id} ${what}`, { hint: `See \`npx countersign runs show ${run.id}\`.` });
}

async function decide(
  stage: Stage,
  { approval }: Asked,
  decision: 'approve' | 'reject',
  via: 'update' | 'signal',
  reason = 'Photos of the damage are there.',
  approver = 'manager',
): Promise<Decided> {
  const signer = signerOf(stage, approver);
  return await stage.client.approvals.decide(approval.id, { decision, reason, signer, via });
}

/** Tries to approve, and prints why it does not count. */
async function isRefused(
  { client }: Stage,
  { approval }: Asked,
  signer: Signer,
  say: (text: string) => void,
): Promise<boolean> {
  try {
    await client.approvals.decide(approval.id, { decision: 'approve', reason: 'Please.', signer });
    return false;
  } catch (error) {
    say(`  ${paint('yellow', 'refused:')} ${messageOf(error)}`);
    return error instanceof UserError;
  }
}

const signerOf = ({ config }: Stage, approver: string): Signer =>
  readSigner(approverFiles(config.home).keyOf(approver));

/** Somebody's name and key id over another key. */
function forgedSigner({ approver, kid }: Signer): Signer {
  const privateKey = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return { approver, kid, privateKey: { ...privateKey, kty: 'OKP' } };
}

async function isRefunded(reply: Reply, { order }: Asked, shop: Shop): Promise<boolean> {
  return reply.kind === 'answered' && (await shop.order(order.id)).refundedCents === order.totalCents;
}

function toldOf({ state, via, missing }: Decided, approver: string, quorum = 1): string {
  if (state === 'sent') return `${approver} signs and sends it (${via})`;
  const [colour, done] =
    state === 'pending'
      ? (['yellow', `${quorum - (missing ?? quorum)} of ${quorum} approved`] as const)
      : (['green', state] as const);
  return `${approver}: ${paint(colour, done)} (${via})`;
}

function difference(after: Counts, before: Counts): Counts {
  return {
    refundRequests: after.refundRequests - before.refundRequests,
    refundKeys: after.refundKeys - before.refundKeys,
    refunds: after.refunds - before.refunds,
    refundedCents: after.refundedCents - before.refundedCents,
    mails: after.mails - before.mails,
  };
}

const euros = (cents: number): string => `${(cents / 100).toFixed(2)} EUR`;
