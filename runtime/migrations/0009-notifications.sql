-- Notifications of waiting approvals: which channel is to hear what, and whether it did. Made of the approvals and their outcomes by
-- workers that are told of channels; without channels no row is written. Ids and states only: what is said is made when it is sent.

create table countersign.notifications (
  -- Made of approval, event and channel, so that receivers know it again: over attempts, workers, and a restored backup.
  id text primary key,
  tenant text not null,
  -- Of one approval, a channel hears what came first before what came next.
  seq bigint generated always as identity,
  approval_id text not null references countersign.approvals,
  channel text not null,
  event text not null check (event in ('requested', 'reminder', 'ended')),
  state text not null default 'waiting' check (state in ('waiting', 'delivered', 'failed', 'dropped')),
  attempts integer not null default 0,
  created_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  -- While an attempt may be under way. One whose worker died is taken up by another after it.
  leased_until timestamptz,
  give_up_at timestamptz not null,
  settled_at timestamptz,
  -- In words of ours: what a receiver answered is not kept.
  reason text
);
create index notifications_due on countersign.notifications (due_at) where state = 'waiting';
create index notifications_of_approval on countersign.notifications (approval_id, channel);
create index notifications_recent on countersign.notifications (tenant, created_at desc);
-- What may have to be told of: approvals that are not long over, and what ended lately.
create index approvals_by_expiry on countersign.approvals (expires_at);
create index approval_outcomes_by_time on countersign.approval_outcomes (decided_at);

alter table countersign.notifications enable row level security;
create policy of_tenant on countersign.notifications using (tenant = (select countersign.current_tenant()));

-- Where there may be something to tell: names of tenants, and nothing else, so that thousands of them cost one statement.
create function countersign.tenants_to_notify(look_back interval) returns table (tenant text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select a.tenant from countersign.approvals a
    where a.expires_at > now() - interval '7 days' and a.requested_at > now() - look_back
  union
  select o.tenant from countersign.approval_outcomes o where o.decided_at > now() - least(look_back, interval '7 days')
  union
  select n.tenant from countersign.notifications n where n.state = 'waiting' and n.due_at <= now()
$$;
revoke all on function countersign.tenants_to_notify(interval) from public;
grant execute on function countersign.tenants_to_notify(interval) to countersign_worker;

-- What is to be told, and to whom, stays as it was written. How it went changes; whoever tries again by hand is the gateway.
grant select on countersign.notifications to countersign_worker, countersign_gateway;
grant insert on countersign.notifications to countersign_worker;
grant update (state, attempts, due_at, leased_until, settled_at, reason) on countersign.notifications to countersign_worker;
grant update (state, due_at, give_up_at, settled_at, reason) on countersign.notifications to countersign_gateway;
