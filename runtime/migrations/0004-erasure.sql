-- Erasure: what is left of a subject, and what must not be erased.

-- A signed statement that the key of a subject was destroyed. The subject is a pseudonym, as everywhere.
create table countersign.tombstones (
  tenant text not null,
  subject text not null,
  runs integer not null,
  -- Compact JWS (EdDSA) over tenant, subject, runs, time, who and why.
  statement text not null,
  erased_at timestamptz not null default now(),
  primary key (tenant, subject, erased_at)
);

-- While a hold stands, neither erasure nor retention touches what it names: a subject, or one run.
create table countersign.holds (
  id text primary key,
  tenant text not null,
  subject text,
  run_id text references countersign.start_ledger,
  reason text not null,
  placed_by text not null,
  placed_at timestamptz not null default now(),
  lifted_by text,
  lifted_at timestamptz,
  check (num_nonnulls(subject, run_id) = 1)
);
create index holds_standing on countersign.holds (tenant) where lifted_at is null;

grant select on countersign.tombstones, countersign.holds to countersign_worker, countersign_gateway, countersign_exporter;
