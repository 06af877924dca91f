-- Dense vectors beside the postings.

alter table countersign.index_generations
  -- Embedding, dimensions and how the vectors are kept; null for a generation that has none.
  add column dense jsonb;

create table countersign.chunk_vectors (
  tenant text not null,
  generation text not null,
  chunk integer not null,
  -- Little-endian 32-bit floats, of length 1.
  vector bytea not null,
  primary key (tenant, generation, chunk),
  foreign key (tenant, generation) references countersign.index_generations (tenant, id) on delete cascade
);
-- Numbers of embeddings do not get smaller by compression.
alter table countersign.chunk_vectors alter column vector set storage external;

alter table countersign.chunk_vectors enable row level security;
create policy of_tenant on countersign.chunk_vectors using (tenant = (select countersign.current_tenant()));

grant select, insert, update, delete on countersign.chunk_vectors to countersign_worker;
