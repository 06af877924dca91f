-- The ledger: starts, run keys, releases, traces, paid model calls, index generations, streams.
-- Every row names its tenant. A worker may insert facts, not change or delete them.

create schema countersign;

-- A row stands here before Temporal hears of the run.
create table countersign.start_ledger (
  run_id text primary key,
  tenant text not null,
  kind text not null,
  subject text,
  requester text not null,
  idempotency_key text,
  request_hash text not null,
  release_ref text,
  release_digest text,
  collection text,
  task_queue text not null,
  created_at timestamptz not null default now(),
  unique nulls distinct (tenant, requester, idempotency_key)
);
create index start_ledger_recent on countersign.start_ledger (tenant, created_at desc);

-- Each run has a key of its own, wrapped by the key named in kek_id.
create table countersign.run_keys (
  run_id text primary key references countersign.start_ledger,
  tenant text not null,
  kek_id text not null,
  wrapped bytea not null,
  created_at timestamptz not null default now()
);

create table countersign.releases (
  tenant text not null,
  digest text not null,
  name text not null,
  version text not null,
  body jsonb not null,
  published_by text not null,
  published_at timestamptz not null default now(),
  primary key (tenant, digest),
  unique (tenant, name, version)
);

-- Labels are compare-and-set pointers: revision grows by one with every move.
create table countersign.release_labels (
  tenant text not null,
  name text not null,
  label text not null,
  stable text not null,
  canary text,
  canary_percent integer not null default 0 check (canary_percent between 0 and 100),
  revision integer not null default 1,
  moved_by text not null,
  moved_at timestamptz not null default now(),
  primary key (tenant, name, label),
  foreign key (tenant, stable) references countersign.releases (tenant, digest)
);

create table countersign.traces (
  run_id text primary key,
  tenant text not null,
  trace_id text not null,
  outcome text not null,
  record jsonb not null,
  ended_at timestamptz not null
);
create index traces_recent on countersign.traces (tenant, ended_at desc);

-- A claim before each paid call, and the sealed reply after it: a later attempt reuses the reply instead of paying again.
create table countersign.model_calls (
  call_key text not null,
  attempt integer not null,
  tenant text not null,
  run_id text not null,
  step_path text not null,
  model text not null,
  claimed_at timestamptz not null default now(),
  primary key (call_key, attempt)
);
create table countersign.model_results (
  call_key text primary key,
  tenant text not null,
  run_id text not null,
  sealed bytea not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cost_usd numeric,
  settled_at timestamptz not null default now()
);

-- Index generations. Statistics are frozen for each generation, so that both vector stores rank alike.
create table countersign.index_generations (
  tenant text not null,
  id text not null,
  collection text not null,
  digest text not null,
  store text not null,
  state text not null check (state in ('building', 'ready', 'retired')),
  average_length real,
  chunks integer not null default 0,
  documents integer not null default 0,
  created_at timestamptz not null default now(),
  ready_at timestamptz,
  primary key (tenant, id)
);
create table countersign.collections (
  tenant text not null,
  name text not null,
  generation text not null,
  revision integer not null default 1,
  swapped_at timestamptz not null default now(),
  primary key (tenant, name),
  foreign key (tenant, generation) references countersign.index_generations (tenant, id)
);
create table countersign.generation_documents (
  tenant text not null,
  generation text not null,
  -- Chunk ids follow this order, so it must not depend on the database's locale.
  doc_id text collate "C" not null,
  content_hash text not null,
  bytes bigint not null,
  chunks integer not null default 0,
  indexed boolean not null default false,
  primary key (tenant, generation, doc_id),
  foreign key (tenant, generation) references countersign.index_generations (tenant, id) on delete cascade
);
create table countersign.term_statistics (
  tenant text not null,
  generation text not null,
  term bigint not null,
  document_frequency integer not null,
  primary key (tenant, generation, term),
  foreign key (tenant, generation) references countersign.index_generations (tenant, id) on delete cascade
);

-- The embedded vector store.
create table countersign.chunks (
  tenant text not null,
  generation text not null,
  id integer not null,
  doc_id text not null,
  ordinal integer not null,
  title text not null,
  headings text[] not null,
  text text not null,
  start_offset integer not null,
  end_offset integer not null,
  sensitivity text not null,
  audience text[] not null,
  -- The only index: beside another, and before there are statistics, the planner may look chunks up by the wrong one.
  primary key (tenant, generation, id),
  foreign key (tenant, generation) references countersign.index_generations (tenant, id) on delete cascade
);
create table countersign.postings (
  tenant text not null,
  generation text not null,
  term bigint not null,
  chunk integer not null,
  weight real not null,
  -- No foreign key: it would cost a lookup for each of some sixty rows a chunk, and the store drops both tables together.
  primary key (tenant, generation, term, chunk) include (weight)
);

-- Token streams live minutes and are rebuilt by a new attempt: no write-ahead log.
create unlogged table countersign.stream_events (
  run text not null,
  step text not null,
  attempt integer not null,
  seq integer not null,
  tenant text not null,
  event jsonb not null,
  at timestamptz not null default now(),
  primary key (run, step, attempt, seq)
);

grant usage on schema countersign to countersign_worker, countersign_gateway, countersign_exporter;

grant select on all tables in schema countersign to countersign_worker;
grant insert on countersign.traces, countersign.model_calls, countersign.model_results to countersign_worker;
grant insert, update, delete on countersign.index_generations, countersign.generation_documents, countersign.chunks,
  countersign.postings, countersign.term_statistics, countersign.stream_events to countersign_worker;
grant insert, update on countersign.collections to countersign_worker;

grant select on countersign.start_ledger, countersign.run_keys, countersign.releases, countersign.release_labels,
  countersign.traces, countersign.collections, countersign.index_generations, countersign.stream_events to countersign_gateway;
grant insert on countersign.start_ledger, countersign.run_keys, countersign.releases, countersign.release_labels to countersign_gateway;
grant update on countersign.release_labels to countersign_gateway;

grant select on countersign.start_ledger, countersign.run_keys, countersign.releases, countersign.traces to countersign_exporter;
