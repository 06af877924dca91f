-- Which replies of models may be given again: a release can ask for it. The reply itself stays where its run has it, sealed under that
-- run's key, so that what is erased is not given again either.
create table countersign.reusable_replies (
  tenant text not null,
  -- Keyed hash of release, model, prompt, and what the principal may see.
  key text not null,
  -- Of model_results.
  call_key text not null,
  run_id text not null,
  expires_at timestamptz not null,
  primary key (tenant, key)
);
create index reusable_replies_expired on countersign.reusable_replies (tenant, expires_at);
alter table countersign.reusable_replies enable row level security;
create policy of_tenant on countersign.reusable_replies using (tenant = (select countersign.current_tenant()));
grant select, insert, delete on countersign.reusable_replies to countersign_worker;
