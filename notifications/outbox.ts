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
    -- Step by step, and with subqueries where a join would do: of steps the planner knows no sizes, and may join each with each.
    with candidates as materialized (
      select a.approval_id, a.run_id, a.kind, a.groups, a.requested_at, a.expires_at, null::timestamptz as decided_at
      from approvals a
      where a.tenant = ${tenant} and a.requested_at > now() - ${lookBackMs} * interval '1 millisecond'
        and a.expires_at > now() - interval '7 days'
        and not exists (select from approval_outcomes o where o.approval_id = a.approval_id)
      union all
      -- Of a request that others are asked in the place of, the next one tells.
      select a.approval_id, a.run_id, a.kind, a.groups, a.requested_at, a.expires_at, o.decided_at
      from approval_outcomes o join approvals a on a.approval_id = o.approval_id
      where o.tenant = ${tenant} and o.state <> 'rerouted'
        and o.decided_at > now() - least(${lookBackMs} * interval '1 millisecond', interval '1 day')),
    timed as materialized (
      select a.*, a.expires_at - (a.expires_at - a.requested_at) / 4 as remind_at,
        coalesce(a.decided_at, (select t.ended_at from traces t where t.run_id = a.run_id),
          -- A minute for the run to say how it ended, before it counts as expired.
          case when a.expires_at <= now() then a.expires_at + interval '1 minute' end) as ended_at
      from candidates a),
    told as materialized (
      select 'ntf_' || left(encode(sha256(convert_to(d.approval_id || ' ' || e.event || ' ' || c.name, 'UTF8')), 'hex'), 32) as id,
        d.approval_id, e.event, d.remind_at, c.name, c.events
      from timed d
      cross join lateral (values ('requested', d.ended_at is null), ('reminder', d.ended_at is null and d.remind_at <= now()),
        ('ended', d.ended_at between now() - interval '1 day' and now())) e (event, is_due)
      join jsonb_to_recordset(${sql.json(hearing)}::jsonb) c (name text, events text[], groups text[], kinds text[])
        on e.event = any(c.events) and (c.groups is null or c.groups && d.groups) and (c.kinds is null or d.kind = any(c.kinds))
      where e.is_due)
    insert into notifications (id, tenant, approval_id, channel, event, give_up_at)
    select told.id, ${tenant}, told.approval_id, told.name, told.event, now() + ${GIVE_UP_HOURS} * interval '1 hour' from told
    where (select n.id from notifications n where n.id = told.id) is null
      and (told.event <> 'reminder' or not 'requested' = any(told.events) or told.remind_at > (select n.created_at
        from notifications n where n.approval_id = told.approval_id and n.channel = told.name and n.event = 'requested'))
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
  /** Of the release; `null` where its manifest does not say. */
  readonly owner: string | null;
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
        and w.seq = (select min(e.seq) from notifications e
          where e.approval_id = w.approval_id and e.channel = w.channel and e.state = 'waiting')
      order by w.due_at limit ${limit} for update of w skip locked),
    claimed as (
      update notifications n set attempts = attempts + 1, leased_until = now() + ${LEASE_MS} * interval '1 millisecond'
      from due where n.id = due.id
      returning n.id, n.tenant, n.event, n.attempts, n.approval_id)
    select c.id, c.tenant, c.event, c.attempts as attempt, a.approval_id as "approvalId", a.run_id as "runId",
      a.request_hash as "requestHash", a.sealed, a.requested_at as "requestedAt", coalesce(o.decided_by, '{}') as "decidedBy",
      coalesce(o.state, case when t.run_id is not null then 'cancelled' when a.expires_at <= now() then 'expired' else 'pending' end)
        as state,
      coalesce(o.decided_at, t.ended_at, case when a.expires_at <= now() then a.expires_at end) as "endedAt",
      r.body->'about'->>'owner' as owner
    from claimed c
    join approvals a on a.approval_id = c.approval_id
    left join start_ledger l on l.run_id = a.run_id
    left join releases r on r.tenant = l.tenant and r.digest = l.release_digest
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
