-- Claims of paid calls that certainly cost nothing: the provider answered with an error, or was never reached. What is claimed and neither
-- settled nor here may have been paid, and counts.
create table countersign.model_refusals (
  call_key text not null,
  attempt integer not null,
  tenant text not null,
  run_id text not null,
  -- Type of the failure.
  failure text not null,
  refused_at timestamptz not null default now(),
  primary key (call_key, attempt)
);
alter table countersign.model_refusals enable row level security;
create policy of_tenant on countersign.model_refusals using (tenant = (select countersign.current_tenant()));
grant select, insert on countersign.model_refusals to countersign_worker;
