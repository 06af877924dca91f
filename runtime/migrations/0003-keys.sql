-- Keys of tenants and subjects, payloads kept by content, and what is left of what was erased.

-- Wrapped by the key provider. `wrapping` keys are replaced by adding a version; the `index` key makes pseudonyms and stays.
create table countersign.tenant_keys (
  tenant text not null,
  purpose text not null check (purpose in ('wrapping', 'index')),
  version integer not null check (version > 0),
  provider_key text not null,
  wrapped bytea not null,
  created_at timestamptz not null default now(),
  primary key (tenant, purpose, version)
);

-- Wrapped by the tenant's key. The subject is a pseudonym; deleting the row erases every run under the key.
create table countersign.subject_keys (
  tenant text not null,
  subject text not null,
  key_id text not null,
  tenant_key integer not null,
  wrapped bytea not null,
  created_at timestamptz not null default now(),
  primary key (tenant, subject),
  unique (tenant, key_id)
);

-- A run's key is wrapped by its subject's key, else by its tenant's. The first versions wrapped it by the provider's (kek_id).
alter table countersign.run_keys
  alter column kek_id drop not null,
  add column tenant_key integer,
  add column subject_key_id text,
  add constraint run_keys_one_wrapping check (num_nonnulls(kek_id, tenant_key, subject_key_id) = 1),
  add constraint run_keys_subject foreign key (tenant, subject_key_id)
    references countersign.subject_keys (tenant, key_id) on delete cascade;
create index run_keys_of_subject on countersign.run_keys (tenant, subject_key_id);
create index start_ledger_of_subject on countersign.start_ledger (tenant, subject);

-- What a tool says of its effect may be content: it is sealed from now on. The columns stay for rows of the first versions.
alter table countersign.effect_results
  alter column message drop not null,
  add column outcome bytea,
  add constraint effect_results_words check (num_nonnulls(message, outcome) = 1);

-- Payloads too big for a history, by the digest of what is kept: ciphertext under the run's key.
create table countersign.blobs (
  run_id text not null,
  digest text not null,
  tenant text not null,
  bytes integer not null,
  content bytea not null,
  created_at timestamptz not null default now(),
  primary key (run_id, digest)
);
-- Ciphertext does not compress.
alter table countersign.blobs alter column content set storage external;
create index blobs_by_age on countersign.blobs (created_at);

grant select on countersign.tenant_keys, countersign.subject_keys, countersign.blobs
  to countersign_worker, countersign_gateway, countersign_exporter;
grant insert on countersign.tenant_keys, countersign.blobs to countersign_worker, countersign_gateway;
grant insert on countersign.subject_keys to countersign_gateway;
