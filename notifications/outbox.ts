// What channels are to hear, in the ledger: made of the approvals and their outcomes, taken by one worker at a time, settled. The
// database's clock judges all times.
import type { Database, Sql } from '../runtime/database.ts';
import type { ApprovalId, ApprovalState, RunId } from '../workflows/protocol/index.ts';
import type { NotificationEvent } from './channel-file.ts';
import type { Channel } from './channels.ts';

/** Tried for so long, then given up. */
const GIVE_UP_HOURS = 24;
/** Longer than any attempt takes. */
const LEASE_MS = 60_000;

/** Tenants in which something may have to be told. @param lookBackMs as in {@link notice} */
export async function tenantsToNotify(db: Database, lookBackMs: number): Promise<readonly string[]> {
  const rows = await db.all<{ tenant: string }[]>`
    select tenant from tenants_to_notify(${lookBackMs} * interval '1 millisecond')`;
  return rows.map(({ tenant }) => tenant);
}

/**
 * Writes down what channels are to hear, once for all workers. An end is news for a day. A reminder is for who heard of the request
 * before it was due.
 *
 * @param lookBackMs only of approvals that were asked for or decided since; reminders and ends without a decision need all of them
 * @returns how many are new
 */
export async function writeDue(
  sql: Sql,
  { tenant, channels, lookBackMs }: { tenant: string; channels: readonly Channel[]; lookBackMs: number },
): Promise<number> {
  const hearing = channels.map(({ name, events, groups, kinds }) => ({ name, events, groups, kinds }));
  const written = await sql`
    insert into notifications (id, tenant, approval_id, channel, event, give_up_at)
    select 'ntf_' || left(encode(sha256(convert_to(a.approval_id || ' ' || e.event || ' ' || c.name, 'UTF8')), 'hex'), 32),
      a.tenant, a.approval_id, c.name, e.event, now() + ${GIVE_UP_HOURS} * interval '1 hour'
    from approvals a
    left join approval_outcomes o on o.approval_id = a.approval_id
    left join traces t on t.run_id = a.run_id
    cross join lateral (select o.approval_id is null and t.run_id is null and a.expires_at > now() as waits,
      a.expires_at - (a.expires_at - a.requested_at) / 4 as due_at,
      -- A minute for the run to say how it ended, before it counts as expired.
      coalesce(o.decided_at, t.ended_at, a.expires_at + interval '1 minute') as ended_at) s
    cross join lateral (values ('requested', s.waits), ('reminder', s.waits and s.due_at <= now()),
      -- Of a request that others are asked in the place of, the next one tells.
      ('ended', not s.waits and o.state is distinct from 'rerouted' and s.ended_at between now() - interval '1 day' and now())
      ) e (event, is_due)
    join jsonb_to_recordset(${sql.json(hearing)}::jsonb) c (name text, events text[], groups text[], kinds text[])
      on e.event = any(c.events) and (c.groups is null or c.groups && a.groups) and (c.kinds is null or a.kind = any(c.kinds))
    where a.tenant = ${tenant} and e.is_due and a.expires_at > now() - interval '7 days'
      and (a.requested_at > now() - ${lookBackMs} * interval '1 millisecond'
        or o.decided_at > now() - ${lookBackMs} * interval '1 millisecond')
      and not exists (select from notifications n
        where n.approval_id = a.approval_id and n.channel = c.name and n.event = e.event)
      and (e.event <> 'reminder' or not 'requested' = any(c.events) or exists (select from notifications n
        where n.approval_id = a.approval_id and n.channel = c.name and n.event = 'requested' and n.created_at < s.due_at))
    on conflict do nothing`;
  return written.count;
}

/** Ends what is of no use any more: requests and reminders of approvals that ended, and what no worker's channel has taken in time. */
export async function tidy(sql: Sql, tenant: string): Promise<void> {
  await sql`
    update notifications n set settled_at = now(),
      state = case when n.give_up_at < now() then 'failed' else 'dropped' end,
      reason = case when n.give_up_at < now() then coalesce('gave up: ' || n.reason, 'gave up: no worker has this channel')
        else 'the approval had ended' end
    from approvals a
    left join approval_outcomes o on o.approval_id = a.approval_id
    left join traces t on t.run_id = a.run_id
    where n.tenant = ${tenant} and n.state = 'waiting' and a.approval_id = n.approval_id
      and (n.leased_until is null or n.leased_until <= now())
      and (n.give_up_at < now() or (n.event <> 'ended'
        and (o.approval_id is not null or t.run_id is not null or a.expires_at <= now())))`;
}

/** One that this worker is to send, with its approval as it is now. */
export interface Claimed {
  readonly id: string;
  readonly tenant: string;
  readonly event: NotificationEvent;
  /** Counted from 1. Who settles gives it: an attempt whose lease ran out settles nothing. */
  readonly attempt: number;
  readonly approvalId: ApprovalId;
  readonly runId: RunId;
  readonly requestHash: string;
  readonly sealed: Uint8Array;
  readonly requestedAt: Date;
  readonly state: ApprovalState;
  readonly decidedBy: readonly string[];
  /** `null` while it waits. */
  readonly endedAt: Date | null;
}

/** What is due for a channel, what came first of each approval before what came next. It is this worker's for a minute. */
export async function claim(
  sql: Sql,
  { tenant, channel, limit }: { readonly tenant: string; readonly channel: string; readonly limit: number },
): Promise<readonly Claimed[]> {
  return await sql<Claimed[]>`
    -- Materialized: inside of the update it might be run for each row, and the limit with it.
    with due as materialized (
      select w.id from notifications w
      where w.tenant = ${tenant} and w.channel = ${channel} and w.state = 'waiting' and w.due_at <= now()
        and (w.leased_until is null or w.leased_until <= now())
        and not exists (select from notifications e where e.approval_id = w.approval_id and e.channel = w.channel
          and e.state = 'waiting' and e.seq < w.seq)
      order by w.due_at limit ${limit} for update of w skip locked),
    claimed as (
      update notifications n set attempts = attempts + 1, leased_until = now() + ${LEASE_MS} * interval '1 millisecond'
      from due where n.id = due.id
      returning n.id, n.tenant, n.event, n.attempts, n.approval_id)
    select c.id, c.tenant, c.event, c.attempts as attempt, a.approval_id as "approvalId", a.run_id as "runId",
      a.request_hash as "requestHash", a.sealed, a.requested_at as "requestedAt", coalesce(o.decided_by, '{}') as "decidedBy",
      coalesce(o.state, case when t.run_id is not null then 'cancelled' when a.expires_at <= now() then 'expired' else 'pending' end)
        as state,
      coalesce(o.decided_at, t.ended_at, case when a.expires_at <= now() then a.expires_at end) as "endedAt"
    from claimed c
    join approvals a on a.approval_id = c.approval_id
    left join approval_outcomes o on o.approval_id = a.approval_id
    left join traces t on t.run_id = a.run_id`;
}

export interface Settlement {
  /** `waiting`: again after `delayMs`, unless that is too late. */
  readonly state: 'delivered' | 'failed' | 'dropped' | 'waiting';
  readonly delayMs?: number;
  /** In words of ours. */
  readonly reason: string | null;
}

/** @returns the state that it has now; `undefined` when the attempt's time was over, and it is another's */
export async function settle(
  sql: Sql,
  { id, tenant, attempt }: Pick<Claimed, 'id' | 'tenant' | 'attempt'>,
  { state, delayMs = 0, reason }: Settlement,
): Promise<Settlement['state'] | undefined> {
  const isTooLate = sql.fragment`${state}::text = 'waiting' and now() + ${delayMs} * interval '1 millisecond' > give_up_at`;
  const [row] = await sql<{ state: Settlement['state'] }[]>`
    update notifications set leased_until = null, due_at = now() + ${delayMs} * interval '1 millisecond',
      state = case when ${isTooLate} then 'failed' else ${state}::text end,
      reason = case when ${isTooLate} then 'gave up: ' || ${reason}::text else ${reason}::text end,
      settled_at = case when ${state}::text = 'waiting' and not (${isTooLate}) then null else now() end
    where tenant = ${tenant} and id = ${id} and attempts = ${attempt} and state = 'waiting' returning state`;
  return row?.state;
}

export interface ListedNotification {
  readonly id: string;
  readonly channel: string;
  readonly event: NotificationEvent;
  readonly approvalId: ApprovalId;
  readonly state: Settlement['state'];
  readonly attempts: number;
  readonly createdAt: Date;
  /** When it is tried next. */
  readonly dueAt: Date;
  readonly settledAt: Date | null;
  readonly reason: string | null;
}

export const NOTIFICATION_STATES = ['waiting', 'delivered', 'failed', 'dropped'] as const;

/** Latest first. */
export async function listNotifications(
  sql: Sql,
  { tenant, states, limit }: { readonly tenant: string; readonly states: readonly string[]; readonly limit: number },
): Promise<readonly ListedNotification[]> {
  return await sql<ListedNotification[]>`
    select id, channel, event, approval_id as "approvalId", state, attempts, created_at as "createdAt", due_at as "dueAt",
      settled_at as "settledAt", reason from notifications
    where tenant = ${tenant} and state = any(${[...states]}::text[]) order by created_at desc, seq desc limit ${limit}`;
}

/**
 * Lets those that failed, or one that waits, be tried at once and for another day: one of them, or all failed ones of a channel. Their
 * ids stay.
 *
 * @returns how many
 */
export async function retryNotifications(
  sql: Sql,
  { tenant, id, channel }: { readonly tenant: string; readonly id?: string; readonly channel?: string },
): Promise<number> {
  const retried = await sql`
    update notifications set state = 'waiting', due_at = now(), give_up_at = now() + ${GIVE_UP_HOURS} * interval '1 hour',
      settled_at = null
    where tenant = ${tenant} and (id = ${id ?? null} or (state = 'failed' and channel = ${channel ?? null}))
      and state in ('failed', 'waiting')`;
  return retried.count;
}
