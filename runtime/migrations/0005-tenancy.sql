-- Row-level security: a connection acts for one tenant, and sees and writes that tenant's rows only, whatever a statement says.
-- The owner, for migrations, erasure and backups, is not held to it.

-- Every row names its tenant, these too.
alter table countersign.effect_claims add column tenant text;
update countersign.effect_claims c set tenant = e.tenant from countersign.effects e where e.effect_key = c.effect_key;
alter table countersign.effect_claims alter column tenant set not null;

-- What belongs to no tenant, for example a refused id that is none.
update countersign.security_log set tenant = '-' where tenant = '';
update countersign.blobs set tenant = '-' where tenant = '';

-- An error rather than no rows: a connection that was never told its tenant must not look like an empty ledger.
create function countersign.current_tenant() returns text
language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp as $$
declare
  tenant text := current_setting('countersign.tenant', true);
begin
  if coalesce(tenant, '') = '' then
    raise exception 'This connection acts for no tenant'
      using errcode = 'insufficient_privilege', hint = 'Set countersign.tenant first: statements of one tenant only.';
  end if;
  return tenant;
end
$$;

do $$
declare
  name text;
begin
  for name in select tablename from pg_tables where schemaname = 'countersign' loop
    execute format('alter table countersign.%I enable row level security', name);
    -- In a sub-select, so that it is asked once a statement and can lead into an index.
    execute format('create policy of_tenant on countersign.%I using (tenant = (select countersign.current_tenant()))', name);
  end loop;
end
$$;

-- The two questions that are asked across tenants: which there are, and whether this process has the keys of the ledger.
create function countersign.tenants() returns table (tenant text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select distinct k.tenant from countersign.tenant_keys k order by 1
$$;
create function countersign.latest_tenant_key()
returns table (tenant text, version integer, provider_key text, wrapped bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select k.tenant, k.version, k.provider_key, k.wrapped from countersign.tenant_keys k
  where k.purpose = 'wrapping' order by k.created_at desc limit 1
$$;

revoke all on function countersign.current_tenant(), countersign.tenants(), countersign.latest_tenant_key() from public;
grant execute on function countersign.current_tenant() to countersign_worker, countersign_gateway, countersign_exporter;
grant execute on function countersign.tenants() to countersign_gateway;
grant execute on function countersign.latest_tenant_key() to countersign_worker, countersign_gateway;
