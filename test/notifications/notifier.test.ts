// The notifier over a real ledger and real receivers: who hears what, once, in order, until it arrives or is given up. Approvals are
// written as runs write them; how runs fare beside it is in with-runs.test.ts.
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Channel, WebhookChannel } from '../../notifications/channels.ts';
import type { Notice } from '../../notifications/notice.ts';
import type { Notifier } from '../../notifications/notifier.ts';
import { createNotifier } from '../../notifications/notifier.ts';
import { listNotifications, NOTIFICATION_STATES, retryNotifications } from '../../notifications/outbox.ts';
import type { ApprovalId } from '../../workflows/protocol/index.ts';
import { inMinutes, useAsked } from '../support/asked.ts';
import type { Received, Receiver } from '../support/receiver.ts';
import { startReceiver } from '../support/receiver.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();
const { ask, end, keys } = useAsked(database);

const ALL = ['requested', 'reminder', 'ended'] as const;
const SOON = { timeout: 30_000, interval: 50 };
const bodyOf = ({ body }: Received) => JSON.parse(body) as { type: string; timestamp: string; data: Notice };
const about = (id: ApprovalId, type?: string) => (received: Received) => {
  const body = bodyOf(received);
  return body.data.approvalId === id && (type === undefined || body.type === type);
};

let receiver: Receiver;
let running: Notifier[] = [];
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  for (const notifier of running) await notifier.stop();
  running = [];
  await receiver[Symbol.asyncDispose]();
  await database.sql('owner')`delete from notifications`;
  await database.sql('owner')`delete from approval_outcomes`;
  await database.sql('owner')`delete from approvals`;
});

/** A channel of this test's receiver. */
const hook = (more: Partial<WebhookChannel> = {}): WebhookChannel => ({
  ...{ name: 'ops', type: 'webhook', url: receiver.url, keys: [Buffer.alloc(24, 1)] },
  ...{ events: ALL, tenants: ['default'], preview: false },
  ...more,
});

/** As a worker does; the first look of each goes over everything. */
function notify(...channels: readonly Channel[]): Notifier {
  const notifier = createNotifier({ db: database.db('worker'), runKeys: keys('worker').runKeys, channels });
  notifier.start();
  running.push(notifier);
  return notifier;
}

const listed = async (tenant = 'default') =>
  await listNotifications(database.db('gateway').of(tenant), { tenant, states: NOTIFICATION_STATES, limit: 100 });

/** Once every notification has one of these states. */
async function settled(count: number, tenant = 'default') {
  return await vi.waitFor(async () => {
    const rows = await listed(tenant);
    expect(rows.map(({ state }) => state)).not.toContain('waiting');
    expect(rows).toHaveLength(count);
    return rows;
  }, SOON);
}

describe('a request', () => {
  it('is told with what a person needs to go there, under an id made of approval, event and channel', async () => {
    const id = await ask();
    notify(hook());
    const [received] = await receiver.until(1);
    const digest = createHash('sha256').update(`${id} requested ops`).digest('hex').slice(0, 32);
    expect(received?.headers['webhook-id']).toBe(`ntf_${digest}`);
    const { type, timestamp, data } = bodyOf(received as Received);
    expect({ type, timestamp }).toEqual({ type: 'approval.requested', timestamp: data.requestedAt });
    expect(data).toMatchObject({
      approvalId: id,
      tool: 'refund',
      requester: 'ada',
      groups: ['managers'],
      state: 'pending',
    });
    expect(received?.body).not.toContain('O-1');
    expect(await settled(1)).toMatchObject([{ state: 'delivered', attempts: 1, reason: null }]);
  });

  it('is told with its preview to a channel that asks for it', async () => {
    await ask();
    notify(hook({ preview: true }));
    const [received] = await receiver.until(1);
    expect(bodyOf(received as Received).data.preview).toBe('Refund 12.90 EUR of order O-1');
  });

  it('is told to the channels of its tenant, groups and kind, and to no others', async () => {
    const [own, others, confirm] = [
      await ask(),
      await ask({ groups: ['clerks', 'managers'], tenant: 'acme' }),
      await ask({ kind: 'confirm' }),
    ];
    notify(
      hook({ name: 'default' }),
      hook({ name: 'all', tenants: 'all' }),
      hook({ name: 'acme', tenants: ['acme'] }),
      hook({ name: 'clerks', tenants: 'all', groups: ['clerks', 'x'] }),
      hook({ name: 'confirm', kinds: ['confirm'] }),
      hook({ name: 'ends', tenants: 'all', events: ['ended'] }),
    );
    const heard = async (tenant: string, approval: ApprovalId, count: number) =>
      (await settled(count, tenant)).filter(({ approvalId }) => approvalId === approval).map(({ channel }) => channel);
    expect((await heard('default', own, 5)).sort()).toEqual(['all', 'default']);
    expect((await heard('acme', others, 3)).sort()).toEqual(['acme', 'all', 'clerks']);
    expect((await heard('default', confirm, 5)).sort()).toEqual(['all', 'confirm', 'default']);
    expect(receiver.received).toHaveLength(8);
  });

  it('that follows another says which and why', async () => {
    const first = await ask();
    await end(first, 'rerouted');
    const next = await ask({ follows: { how: 'rerouted', approvalId: first }, groups: ['managers', 'directors'] });
    notify(hook());
    const [received] = await receiver.until(1);
    const { data } = bodyOf(received as Received);
    expect(data).toMatchObject({ approvalId: next, follows: { approvalId: first, how: 'rerouted' } });
    // The rerouting itself is told by nothing else.
    expect(await settled(1)).toMatchObject([{ approvalId: next, event: 'requested' }]);
  });

  it('of a run that was erased is told to nobody', async () => {
    await ask({ subject: 'bob' });
    await database.sql('owner')`delete from subject_keys`;
    notify(hook());
    expect(await settled(1)).toMatchObject([{ state: 'dropped', reason: 'its run was erased' }]);
    expect(receiver.received).toEqual([]);
  });

  it('that is not what was asked is told to nobody', async () => {
    const id = await ask();
    await database.sql('owner')`update approvals set sealed = '\\x00' where approval_id = ${id}`;
    notify(hook());
    expect(await settled(1)).toMatchObject([{ state: 'failed', reason: 'its request is not what was asked' }]);
    expect(receiver.received).toEqual([]);
  });
});

describe('a reminder', () => {
  it('comes in the last quarter of the time, once, to who heard of the request before', async () => {
    const id = await ask();
    notify(hook());
    await receiver.until(1);
    await settled(1);
    // 46 of 60 minutes are over, and the channel heard of it half an hour ago.
    await database.sql('owner')`
      update approvals set requested_at = ${inMinutes(-46)}, expires_at = ${inMinutes(14)} where approval_id = ${id}`;
    await database.sql('owner')`update notifications set created_at = ${inMinutes(-30)}`;
    // Two that look over everything at once.
    notify(hook());
    notify(hook());
    const [reminder] = await receiver.until(1, about(id, 'approval.reminder'));
    expect(bodyOf(reminder as Received)).toMatchObject({ data: { state: 'pending' } });
    await settled(2);
    expect(receiver.received).toHaveLength(2);
  });

  it('does not come beside a request that is told late, and comes alone where only reminders are heard', async () => {
    await ask({ requestedAt: inMinutes(-46), expiresAt: inMinutes(14) });
    notify(hook(), hook({ name: 'reminders', events: ['reminder'] }));
    await settled(2);
    await ask();
    notify(hook());
    const rows = await settled(3);
    expect(rows.map(({ channel, event }) => `${channel} ${event}`).sort()).toEqual([
      'ops requested',
      'ops requested',
      'reminders reminder',
    ]);
  });
});

describe('an end', () => {
  it('is told with who decided, after the request', async () => {
    const id = await ask();
    notify(hook());
    await receiver.until(1);
    await end(id, 'approved', ['bob']);
    const [, ended] = await receiver.until(2, about(id));
    expect(bodyOf(ended as Received)).toMatchObject({
      type: 'approval.ended',
      data: { state: 'approved', decidedBy: ['bob'], endedAt: expect.stringMatching(/Z$/) },
    });
  });

  it.each([
    ['rejected', async (id: ApprovalId) => await end(id, 'rejected', ['bob'])],
    ['superseded', async (id: ApprovalId) => await end(id, 'superseded', ['bob'])],
    ['cancelled', async (id: ApprovalId) => await end(id, 'cancelled')],
    [
      'expired',
      async (id: ApprovalId) => {
        await database.sql('owner')`update approvals set expires_at = ${inMinutes(-2)} where approval_id = ${id}`;
      },
    ],
    [
      'cancelled',
      async (id: ApprovalId) => {
        await database.sql('owner')`insert into traces (run_id, tenant, trace_id, outcome, record, ended_at)
          select run_id, tenant, 't', 'failed', '{}', now() from approvals where approval_id = ${id}`;
      },
    ],
  ])('is told of one that %s, once', async (state, happens) => {
    const id = await ask();
    await happens(id);
    notify(hook());
    notify(hook());
    const [ended] = await receiver.until(1);
    expect(bodyOf(ended as Received)).toMatchObject({ type: 'approval.ended', data: { approvalId: id, state } });
    await settled(1);
  });

  it('a day ago is no news', async () => {
    const [old, fresh] = [await ask(), await ask()];
    await end(old, 'approved');
    await end(fresh, 'approved');
    await database.sql(
      'owner',
    )`update approval_outcomes set decided_at = now() - interval '25 hours' where approval_id = ${old}`;
    notify(hook());
    expect(await settled(1)).toMatchObject([{ approvalId: fresh }]);
  });

  it('takes the place of a request that did not arrive', async () => {
    receiver.always = 503;
    const id = await ask();
    notify(hook());
    await receiver.until(1);
    await end(id, 'rejected');
    receiver.always = 204;
    await receiver.until(1, about(id, 'approval.ended'));
    const rows = await settled(2);
    expect(rows.map(({ event, state, reason }) => ({ event, state, reason }))).toEqual([
      { event: 'ended', state: 'delivered', reason: null },
      { event: 'requested', state: 'dropped', reason: 'the approval had ended' },
    ]);
  });

  it('waits for a request that is being sent', async () => {
    receiver.answer('hang');
    const id = await ask();
    const first = notify(hook());
    await receiver.until(1);
    await end(id, 'approved');
    // Another worker finds the end, and may not send it yet.
    notify(hook());
    await vi.waitFor(async () => expect(await listed()).toHaveLength(2), SOON);
    expect(receiver.received).toHaveLength(1);
    await first.stop();
    await receiver.until(1, about(id, 'approval.ended'));
    await settled(2);
    expect(receiver.received.map((each) => bodyOf(each).type)).toEqual(['approval.requested', 'approval.ended']);
  });
});

describe('a receiver', () => {
  it('that fails for a while gets the same message again, under the same id', async () => {
    receiver.answer(500, 'reset', 429);
    await ask();
    notify(hook());
    for (const tried of [1, 2, 3]) {
      await receiver.until(tried);
      await vi.waitFor(
        async () => expect(await listed()).toMatchObject([{ reason: expect.any(String), attempts: tried }]),
        SOON,
      );
      await database.sql('owner')`update notifications set due_at = now()`;
    }
    await receiver.until(4);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(await settled(1)).toMatchObject([{ state: 'delivered', attempts: 4 }]);
  });

  it('is not asked again before it wants to be', async () => {
    receiver.answer({ status: 429, headers: { 'retry-after': '1800' } });
    await ask();
    notify(hook());
    const [{ dueAt, reason }] = await vi.waitFor(async () => {
      const rows = await listed();
      expect(rows[0]?.reason).toBe('HTTP 429');
      return rows as [(typeof rows)[number]];
    }, SOON);
    expect(reason).toBe('HTTP 429');
    const seconds = (dueAt.getTime() - Date.now()) / 1000;
    expect(seconds).toBeGreaterThan(1_700);
    expect(seconds).toBeLessThan(1_900);
  });

  it('that refuses for good is not asked again, until a person wants it', async () => {
    receiver.answer(410);
    await ask();
    notify(hook());
    const [row] = await settled(1);
    expect(row).toMatchObject({ state: 'failed', reason: 'HTTP 410', attempts: 1 });
    expect(await retryNotifications(database.db('gateway').of('default'), { tenant: 'default', channel: 'ops' })).toBe(
      1,
    );
    await receiver.until(2);
    expect(await settled(1)).toMatchObject([{ id: row?.id, state: 'delivered' }]);
    // What has arrived is not sent again.
    expect(
      await retryNotifications(database.db('gateway').of('default'), { tenant: 'default', id: row?.id ?? '' }),
    ).toBe(0);
  });

  it('is given up after a day, and the row says so', async () => {
    receiver.always = 503;
    await ask();
    notify(hook());
    await vi.waitFor(async () => expect(await listed()).toMatchObject([{ reason: 'HTTP 503' }]), SOON);
    await database.sql('owner')`update notifications set due_at = now(), give_up_at = now() + interval '1 second'`;
    expect(await settled(1)).toMatchObject([{ state: 'failed', reason: 'gave up: HTTP 503' }]);
  });

  it('whose channel no worker has any more is given up, too', async () => {
    receiver.always = 503;
    await ask();
    await notify(hook({ name: 'gone' })).stop();
    await database.sql('owner')`
      insert into notifications (id, tenant, approval_id, channel, event, give_up_at)
      select 'ntf_x', tenant, approval_id, 'never', 'requested', now() - interval '1 second' from approvals`;
    notify(hook({ events: ['ended'] }));
    await vi.waitFor(async () => {
      const rows = await listed();
      const never = rows.find(({ channel }) => channel === 'never');
      expect(never).toMatchObject({ state: 'failed', reason: 'gave up: no worker has this channel' });
    }, SOON);
  });

  it('that is dead or slow holds up no other', async () => {
    await using dead = await startReceiver();
    dead.always = 'hang';
    const ids = [];
    for (let n = 0; n < 12; n += 1) ids.push(await ask());
    notify(hook({ name: 'dead', url: dead.url }), hook());
    await receiver.until(12);
    expect(dead.received.length).toBeLessThanOrEqual(4);
    expect(new Set(receiver.received.map((each) => bodyOf(each).data.approvalId))).toEqual(new Set(ids));
  });
});

describe('the log of a worker', () => {
  it('says what failed by ids and words of ours, and once that it was given up', async () => {
    receiver.answer(500, 410);
    const id = await ask({ requester: 'canary', tool: 'canary' });
    const lines: object[] = [];
    const log = {
      warn: (fields: object, text: string) => lines.push({ ...fields, text }),
      error: (fields: object, text: string) => lines.push({ ...fields, text, error: true }),
    };
    const url = `${receiver.url}?token=canary`;
    const { runKeys } = keys('worker');
    const notifier = createNotifier({
      db: database.db('worker'),
      runKeys,
      channels: [hook({ url })],
      log: log as never,
    });
    notifier.start();
    running.push(notifier);
    await vi.waitFor(() => expect(lines).toHaveLength(1), SOON);
    await database.sql('owner')`update notifications set due_at = now()`;
    await vi.waitFor(() => expect(lines).toHaveLength(2), SOON);
    const about = { notification: expect.stringMatching(/^ntf_/), tenant: 'default', approvalId: id, channel: 'ops' };
    expect(lines).toEqual([
      {
        ...about,
        attempt: 1,
        reason: 'HTTP 500',
        state: 'waiting',
        text: 'notification not delivered as it should be',
      },
      { ...about, attempt: 2, reason: 'HTTP 410', text: 'notification given up', error: true },
    ]);
    expect(JSON.stringify(lines)).not.toContain('canary');
  });
});

describe('several workers', () => {
  it('tell each thing once while they live', async () => {
    for (let n = 0; n < 20; n += 1) await ask({ tenant: n % 2 === 0 ? 'default' : 'acme' });
    for (let n = 0; n < 4; n += 1) notify(hook({ tenants: 'all' }));
    await receiver.until(20);
    await settled(10);
    await settled(10, 'acme');
    expect(receiver.received).toHaveLength(20);
  });

  it('take over what one of them was sending when it stopped, at once', async () => {
    receiver.answer('hang');
    await ask();
    const first = notify(hook());
    await receiver.until(1);
    await first.stop();
    expect(await listed()).toMatchObject([{ state: 'waiting', reason: 'the worker stopped' }]);
    notify(hook());
    await receiver.until(2);
    expect(await settled(1)).toMatchObject([{ state: 'delivered', attempts: 2 }]);
  });

  it('settle nothing for one whose time was over', async () => {
    receiver.answer('hang', 204);
    await ask();
    const slow = notify(hook());
    await receiver.until(1);
    await database.sql('owner')`update notifications set leased_until = now()`;
    notify(hook());
    await settled(1);
    await slow.stop();
    expect(await listed()).toMatchObject([{ state: 'delivered', attempts: 2, reason: null }]);
  });
});
