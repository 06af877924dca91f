-- Judges of evaluations: the release that judges, pinned when an evaluation begins, and what it said of each trial.

alter table countersign.evaluations
  -- Null without a judge. Another judge, another measurement.
  add column judge_digest text,
  add foreign key (tenant, judge_digest) references countersign.releases (tenant, digest);
create index evaluations_of_judge on countersign.evaluations (tenant, judge_digest) where judge_digest is not null;

-- One run of the judge for each trial that nothing else could decide. What it wrote stays with that run, under its key.
create table countersign.evaluation_judgements (
  tenant text not null,
  evaluation text not null,
  case_id text not null,
  trial integer not null,
  -- Of the judge; null where nothing could be started.
  run_id text,
  -- Null where it gave no word.
  passed boolean,
  -- Why it gave none: words of ours, and none of the reply. Empty where it gave one.
  fault text not null,
  -- US dollars; null where a price is not known. No part of what the release costs.
  cost_usd double precision,
  judged_at timestamptz not null default now(),
  primary key (tenant, evaluation, case_id, trial),
  foreign key (tenant, evaluation, case_id, trial)
    references countersign.evaluation_results (tenant, evaluation, case_id, trial)
);
create index evaluation_judgements_of_run on countersign.evaluation_judgements (run_id);

alter table countersign.evaluation_judgements enable row level security;
create policy of_tenant on countersign.evaluation_judgements using (tenant = (select countersign.current_tenant()));

-- Workers run judges and keep no word of theirs: none of this is theirs.
revoke all on countersign.evaluation_judgements from countersign_worker;
grant select, insert on countersign.evaluation_judgements to countersign_gateway;
grant select on countersign.evaluation_judgements to countersign_exporter;
