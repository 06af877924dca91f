-- Streams of runs: what a client may watch while a run goes on. Unlogged: the result is in the run's history, and what is lost here is
-- shown a little later. What an event says is sealed under the run's key.

-- There was no code for it.
drop table countersign.stream_events;

-- One row a run, locked by whoever appends: positions are taken in the order in which they become visible, whoever writes.
create unlogged table countersign.streams (
  run_id text primary key,
  tenant text not null,
  -- The first position is the time of the first event: a stream that expired and goes on later does not count from the beginning again.
  next_position bigint not null,
  events integer not null,
  bytes bigint not null,
  expires_at timestamptz not null
);
create index streams_by_expiry on countersign.streams (expires_at);

create unlogged table countersign.stream_events (
  run_id text not null,
  position bigint not null,
  tenant text not null,
  step text not null,
  attempt integer not null,
  seq integer not null,
  sealed bytea not null,
  primary key (run_id, position)
);
-- Ciphertext does not compress.
alter table countersign.stream_events alter column sealed set storage external;

alter table countersign.streams enable row level security;
create policy of_tenant on countersign.streams using (tenant = (select countersign.current_tenant()));
alter table countersign.stream_events enable row level security;
create policy of_tenant on countersign.stream_events using (tenant = (select countersign.current_tenant()));

-- The only way in which a worker removes events: those that have expired, of whatever tenant, some at a time.
create function countersign.prune_streams(most integer) returns integer
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  gone text[];
begin
  with expired as (
    select s.run_id from countersign.streams s where s.expires_at < now() order by s.expires_at limit most for update skip locked
  ), removed as (
    delete from countersign.streams s using expired e where s.run_id = e.run_id returning s.run_id
  )
  select coalesce(array_agg(r.run_id), '{}') into gone from removed r;
  delete from countersign.stream_events e where e.run_id = any (gone);
  return cardinality(gone);
end $$;
revoke all on function countersign.prune_streams(integer) from public;
grant execute on function countersign.prune_streams(integer) to countersign_worker;

grant select, insert on countersign.streams, countersign.stream_events to countersign_worker;
grant update (next_position, events, bytes, expires_at) on countersign.streams to countersign_worker;
grant select on countersign.streams, countersign.stream_events to countersign_gateway;
