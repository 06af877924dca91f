-- Releases on their way to users: each move of a label, what a gate said of a release, and the evaluations behind it.

create table countersign.gate_reports (
  tenant text not null,
  id text not null,
  release_digest text not null,
  -- passed, failed or undecided.
  outcome text not null check (outcome in ('passed', 'failed', 'undecided')),
  -- The verdict with its figures. Ids of cases, and no text of a reply.
  verdict jsonb not null,
  -- Whether labels may move by it: made on the release's own cases, and held to at least what its risk class demands.
  counts boolean not null,
  made_by text not null,
  made_at timestamptz not null default now(),
  primary key (tenant, id),
  foreign key (tenant, release_digest) references countersign.releases (tenant, digest)
);
create index gate_reports_of_release on countersign.gate_reports (tenant, release_digest, made_at);

-- Only ever added to: the labels say where they point, and this how they came there.
create table countersign.release_moves (
  tenant text not null,
  id bigint generated always as identity,
  name text not null,
  label text not null,
  kind text not null check (kind in ('publish', 'promote', 'rollback')),
  -- Null where the label pointed nowhere.
  from_digest text,
  to_digest text not null,
  -- Of the label, after the move.
  revision integer not null,
  moved_by text not null,
  moved_at timestamptz not null default now(),
  reason text not null,
  gate_report text,
  primary key (tenant, id),
  unique (tenant, name, label, revision),
  foreign key (tenant, to_digest) references countersign.releases (tenant, digest),
  foreign key (tenant, gate_report) references countersign.gate_reports (tenant, id)
);

-- One evaluation of one release on one set of cases.
create table countersign.evaluations (
  tenant text not null,
  id text not null,
  release_digest text not null,
  suite text not null,
  -- Of the cases: another set, another evaluation.
  suite_digest text not null,
  -- Of the documents that were asked; null for a release that searches none.
  index_generation text,
  cases integer not null,
  -- Trials of all cases together.
  trials integer not null,
  made_by text not null,
  started_at timestamptz not null default now(),
  -- Null while it is under way, or after it was cut off: it can be gone on with.
  ended_at timestamptz,
  primary key (tenant, id),
  foreign key (tenant, release_digest) references countersign.releases (tenant, digest)
);
create index evaluations_of_release on countersign.evaluations (tenant, release_digest, suite_digest, started_at);

create table countersign.evaluation_results (
  tenant text not null,
  evaluation text not null,
  case_id text not null,
  trial integer not null,
  -- Null where nothing could be started.
  run_id text,
  outcome text not null check (outcome in ('passed', 'failed', 'error', 'unscored')),
  -- What each scorer said: texts of the set, and none of the reply.
  verdicts jsonb not null,
  -- US dollars; null where a price is not known.
  cost_usd double precision,
  latency_ms double precision not null,
  at timestamptz not null default now(),
  primary key (tenant, evaluation, case_id, trial),
  foreign key (tenant, evaluation) references countersign.evaluations (tenant, id)
);

-- What people said of a reply that nothing else can check, without knowing which release it is of. The latest mark of a person counts.
create table countersign.evaluation_marks (
  tenant text not null,
  evaluation text not null,
  case_id text not null,
  trial integer not null,
  marked_by text not null,
  passed boolean not null,
  reason text not null,
  marked_at timestamptz not null default now(),
  primary key (tenant, evaluation, case_id, trial, marked_by),
  foreign key (tenant, evaluation, case_id, trial)
    references countersign.evaluation_results (tenant, evaluation, case_id, trial)
);

alter table countersign.gate_reports enable row level security;
create policy of_tenant on countersign.gate_reports using (tenant = (select countersign.current_tenant()));
alter table countersign.release_moves enable row level security;
create policy of_tenant on countersign.release_moves using (tenant = (select countersign.current_tenant()));
alter table countersign.evaluations enable row level security;
create policy of_tenant on countersign.evaluations using (tenant = (select countersign.current_tenant()));
alter table countersign.evaluation_results enable row level security;
create policy of_tenant on countersign.evaluation_results using (tenant = (select countersign.current_tenant()));
alter table countersign.evaluation_marks enable row level security;
create policy of_tenant on countersign.evaluation_marks using (tenant = (select countersign.current_tenant()));

-- Workers run releases and move none: none of this is theirs.
revoke all on countersign.gate_reports, countersign.release_moves, countersign.evaluations, countersign.evaluation_results,
  countersign.evaluation_marks from countersign_worker;
grant select, insert on countersign.gate_reports, countersign.release_moves, countersign.evaluations,
  countersign.evaluation_results, countersign.evaluation_marks to countersign_gateway;
grant update (ended_at) on countersign.evaluations to countersign_gateway;
grant update (passed, reason, marked_at) on countersign.evaluation_marks to countersign_gateway;
grant select on countersign.gate_reports, countersign.release_moves, countersign.evaluations, countersign.evaluation_results,
  countersign.evaluation_marks to countersign_exporter;
