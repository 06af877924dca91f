-- Payloads that nothing refers to are collected by a worker: what the ledger knows of their runs, and a function that removes no other.

-- Id of the Temporal namespace that the run was started in, as its client saw it; null where it could not be told, and for runs of
-- earlier versions. Only of runs that are known to be its own does a worker believe that they are gone.
alter table countersign.start_ledger add column namespace_id text;

-- Put again, a blob is as young as if it were new: who put it may be about to refer to it. Whoever may update the time can set it to
-- now, and to nothing else.
create function countersign.now_it_is() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  new.created_at := now();
  return new;
end $$;
create trigger blobs_put_again before update of created_at on countersign.blobs
  for each row execute function countersign.now_it_is();
grant update (created_at) on countersign.blobs to countersign_worker, countersign_gateway;

-- Why blobs of a run must stay, as far as the ledger knows; null for none. Words of KEPT_REASONS in workflows/protocol/maintenance.ts.
-- `erased`: the run's key is destroyed, so that nobody can read them.
create function countersign.blobs_stay(of_tenant text, runs text[], namespace text, grace interval)
  returns table (run_id text, reason text, erased boolean)
  language sql stable set search_path = countersign, pg_temp as $$
  select r.run_id,
    case
      when l.run_id is null then 'unledgered'
      when exists (select from countersign.holds h where h.tenant = of_tenant and h.lifted_at is null
        and (h.run_id = l.run_id or h.subject = l.subject)) then 'held'
      when l.namespace_id is distinct from namespace then 'elsewhere'
      when greatest(l.created_at, t.ended_at) > now() - greatest(grace, interval '24 hours') then 'young'
      -- People are still asked, so it has not ended.
      when t.run_id is null and exists (select from countersign.approvals a where a.run_id = l.run_id and a.expires_at > now()
        and not exists (select from countersign.approval_outcomes o where o.approval_id = a.approval_id)) then 'open'
    end,
    l.run_id is not null and not exists (select from countersign.run_keys k where k.run_id = l.run_id)
  from unnest(runs) as r (run_id)
  left join countersign.start_ledger l on l.run_id = r.run_id and l.tenant = of_tenant
  left join countersign.traces t on t.run_id = l.run_id
$$;

-- The only way in which a worker removes blobs: of one run, those named, none younger than the grace time, which is a day at least,
-- and none that the ledger says must stay. That Temporal refers to none of them is the worker's word.
create function countersign.collect_blobs(of_tenant text, of_run text, digests text[], namespace text, grace interval)
  returns table (digest text, bytes integer)
  language plpgsql security definer set search_path = countersign, pg_temp as $$
begin
  if cardinality(digests) > 1000 then
    raise exception 'At most 1000 blobs are collected at once, not %', cardinality(digests);
  end if;
  return query
    delete from countersign.blobs b
    where b.tenant = of_tenant and of_tenant = countersign.current_tenant() and b.run_id = of_run and b.digest = any (digests)
      and b.created_at < now() - greatest(grace, interval '24 hours')
      and exists (select from countersign.blobs_stay(of_tenant, array[of_run], namespace, grace) s where s.reason is null)
    returning b.digest, b.bytes;
end $$;

-- Functions are everybody's unless it is said.
revoke all on function countersign.now_it_is(), countersign.blobs_stay(text, text[], text, interval),
  countersign.collect_blobs(text, text, text[], text, interval) from public;
grant execute on function countersign.blobs_stay(text, text[], text, interval),
  countersign.collect_blobs(text, text, text[], text, interval) to countersign_worker;

-- The sweep of starts reports a run once: a worker sees which ones were, and no reasons.
grant select (run_id, event) on countersign.security_log to countersign_worker;
grant execute on function countersign.tenants() to countersign_worker;
