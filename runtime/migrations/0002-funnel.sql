-- The funnel: calls frozen for judgement, approvals, effects, and the security log. A worker inserts facts, never changes them.

-- A call as it was judged: its canonical arguments and preview, sealed under the run's key.
create table countersign.tool_calls (
  effect_key text primary key,
  tenant text not null,
  run_id text not null references countersign.start_ledger,
  step_path text not null,
  tool text not null,
  definition_hash text not null,
  risk text not null,
  args_hash text not null,
  sealed bytea not null,
  verdict jsonb not null,
  judged_at timestamptz not null default now()
);
create index tool_calls_of_run on countersign.tool_calls (run_id, tool, args_hash);

-- What people were asked. The request itself is sealed; the columns are what a list needs.
create table countersign.approvals (
  approval_id text primary key,
  tenant text not null,
  run_id text not null references countersign.start_ledger,
  step_path text not null,
  kind text not null,
  tool text,
  effect_key text references countersign.tool_calls,
  risk text not null,
  requester text not null,
  quorum integer not null check (quorum > 0),
  groups text[] not null,
  request_hash text not null,
  sealed bytea not null,
  expires_at timestamptz not null,
  use_by timestamptz not null,
  requested_at timestamptz not null default now(),
  unique (run_id, step_path)
);
create index approvals_recent on countersign.approvals (tenant, requested_at desc);

-- How an approval ended. Pending is what has no row here.
create table countersign.approval_outcomes (
  approval_id text primary key references countersign.approvals,
  tenant text not null,
  state text not null check (state in ('approved', 'rejected', 'expired', 'rerouted', 'superseded', 'cancelled')),
  decided_by text[] not null,
  -- The decisions that counted, a JSON array of compact JWS, sealed: reasons are content.
  sealed bytea not null,
  decided_at timestamptz not null default now()
);

-- One row an effect, at its first claim. An approval is used once: the same one cannot carry a second effect.
create table countersign.effects (
  effect_key text primary key references countersign.tool_calls,
  tenant text not null,
  run_id text not null,
  approval_id text unique nulls distinct references countersign.approvals,
  first_claimed_at timestamptz not null default now()
);

-- One row an attempt that got as far as the effect.
create table countersign.effect_claims (
  effect_key text not null references countersign.effects,
  execution text not null,
  attempt integer not null,
  worker text not null,
  lease_until timestamptz not null,
  claimed_at timestamptz not null default now(),
  primary key (effect_key, execution, attempt)
);

-- How an effect ended: the first row counts. The result is sealed.
create table countersign.effect_results (
  effect_key text primary key references countersign.effects,
  tenant text not null,
  state text not null check (state in ('done', 'failed', 'unknown')),
  sealed bytea,
  result_hash text,
  bytes integer not null,
  sensitivity text not null,
  doc_ids text[] not null,
  message text not null,
  -- The tool's own receipt, for example the id of a refund.
  receipt text,
  settled_at timestamptz not null default now()
);

-- Attempts that were refused: decisions that do not count, effects without a receipt. Ids and reasons, no content.
create table countersign.security_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  tenant text not null,
  run_id text not null,
  approval_id text,
  -- For example decision-refused, effect-refused.
  event text not null,
  reason text not null,
  -- Which way it came: update, signal, effect, client.
  via text not null
);
create index security_log_recent on countersign.security_log (tenant, at desc);

grant select on countersign.tool_calls, countersign.approvals, countersign.approval_outcomes, countersign.effects,
  countersign.effect_claims, countersign.effect_results to countersign_worker, countersign_gateway, countersign_exporter;
grant insert on countersign.tool_calls, countersign.approvals, countersign.approval_outcomes, countersign.effects,
  countersign.effect_claims, countersign.effect_results, countersign.security_log to countersign_worker;
grant select, insert on countersign.security_log to countersign_gateway;
grant select on countersign.security_log to countersign_exporter;
