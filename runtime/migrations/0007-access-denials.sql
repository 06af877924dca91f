-- Denials at once: a tool, a release or a principal taken out of use by hand. Read at every verdict, and again with the claim of an effect.

create table countersign.access_denials (
  tenant text not null,
  id text not null,
  kind text not null check (kind in ('tool', 'release', 'principal')),
  -- The tool's name; name or name@version of the release; the principal's id.
  name text not null,
  reason text not null,
  denied_by text not null,
  denied_at timestamptz not null default now(),
  lifted_by text,
  lifted_at timestamptz,
  lift_reason text,
  primary key (tenant, id),
  check (num_nonnulls(lifted_by, lifted_at, lift_reason) in (0, 3))
);
create index access_denials_standing on countersign.access_denials (tenant) where lifted_at is null;

alter table countersign.access_denials enable row level security;
create policy of_tenant on countersign.access_denials using (tenant = (select countersign.current_tenant()));

-- A worker reads them and makes none: what denies it must not be its own to lift. Only lifting changes a row.
grant select on countersign.access_denials to countersign_worker, countersign_gateway, countersign_exporter;
grant insert on countersign.access_denials to countersign_gateway;
grant update (lifted_by, lifted_at, lift_reason) on countersign.access_denials to countersign_gateway;
