-- Vectors of texts that were embedded: paid for once, however many generations have the text.

create table countersign.embeddings (
  tenant text not null,
  -- Hash of endpoint, model and dimensions.
  model text not null,
  -- SHA-256 of the text as it was sent.
  text_hash bytea not null,
  -- Little-endian float32, of unit length.
  vector bytea not null,
  created_at timestamptz not null default now(),
  primary key (tenant, model, text_hash)
);

-- Which generations have the text: the vector is kept as long as one does.
create table countersign.generation_embeddings (
  tenant text not null,
  generation text not null,
  model text not null,
  text_hash bytea not null,
  primary key (tenant, model, text_hash, generation),
  foreign key (tenant, generation) references countersign.index_generations (tenant, id) on delete cascade
);
create index generation_embeddings_generation on countersign.generation_embeddings (tenant, generation);

alter table countersign.generation_documents
  -- What the access policy is told before a text goes to an embedding model. Null: an earlier version opened the generation.
  add column sensitivity text;

alter table countersign.embeddings enable row level security;
create policy of_tenant on countersign.embeddings using (tenant = (select countersign.current_tenant()));
alter table countersign.generation_embeddings enable row level security;
create policy of_tenant on countersign.generation_embeddings using (tenant = (select countersign.current_tenant()));

-- The index is the worker's own, these too. A gateway has no need of them.
grant select, insert, delete on countersign.embeddings, countersign.generation_embeddings to countersign_worker;
