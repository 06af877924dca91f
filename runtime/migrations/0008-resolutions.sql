-- What people found out of an effect that nobody could tell: it happened, or it did not. A fact beside the result, which stays.

create table countersign.effect_resolutions (
  effect_key text primary key references countersign.effects,
  tenant text not null,
  run_id text not null,
  state text not null check (state in ('done', 'failed')),
  resolved_by text not null,
  -- Compact JWS (EdDSA) of who resolved it, sealed under the run's key: reasons are content.
  sealed bytea not null,
  resolved_at timestamptz not null default now()
);
alter table countersign.effect_resolutions enable row level security;
create policy of_tenant on countersign.effect_resolutions using (tenant = (select countersign.current_tenant()));

grant select on countersign.effect_resolutions to countersign_worker, countersign_gateway, countersign_exporter;
grant insert on countersign.effect_resolutions to countersign_gateway;
