-- Ingestion: texts that were made of other formats, what is said of documents, what a scan skipped, and how long generations are kept.

-- Text of a file that is not text itself (HTML, PDF, DOCX), made once: an unchanged file is not parsed again, nor is one of a folder
-- that is ingested into another collection.
create table countersign.document_texts (
  tenant text not null,
  -- Hash of the file's bytes, and which extractor in which version made the text.
  key text not null,
  text text not null,
  title text not null,
  created_at timestamptz not null default now(),
  primary key (tenant, key)
);

alter table countersign.generation_documents
  -- Of document_texts; null for a text that is read from its file.
  add column text_key text,
  -- Of a record: its file, and where its line begins.
  add column record_path text,
  add column record_offset bigint,
  -- What its folder says of it. Front matter and records are read again.
  add column metadata jsonb,
  -- What is said of it in all.
  add column owner text,
  add column source_url text,
  add column valid_until timestamptz,
  add column updated_at timestamptz;
create index generation_documents_texts on countersign.generation_documents (tenant, text_key) where text_key is not null;

alter table countersign.index_generations
  -- Chunker, analyzer, encoder and store, as they are part of the digest.
  add column settings jsonb,
  -- Sizes of chunks that were asked for; null for the usual ones.
  add column chunk_tokens jsonb,
  -- Runs that were started before may still read it.
  add column retired_at timestamptz;
update countersign.index_generations set retired_at = now() where state = 'retired';

alter table countersign.collections
  -- The folder that it was last ingested from.
  add column source_path text,
  -- How often a schedule ingests it again; null when none does.
  add column refresh_minutes integer check (refresh_minutes > 0),
  -- When its folder was last compared with it.
  add column checked_at timestamptz;
update countersign.collections set checked_at = swapped_at;

-- What the latest scan of a collection's folder could not use, line by line.
create table countersign.skipped_files (
  tenant text not null,
  collection text not null,
  position integer not null,
  path text not null,
  reason text not null,
  primary key (tenant, collection, position)
);

alter table countersign.document_texts enable row level security;
create policy of_tenant on countersign.document_texts using (tenant = (select countersign.current_tenant()));
alter table countersign.skipped_files enable row level security;
create policy of_tenant on countersign.skipped_files using (tenant = (select countersign.current_tenant()));

-- The index is the worker's own, these too. A gateway shows what there is, never a text.
grant select, insert, delete on countersign.document_texts to countersign_worker;
grant select, insert, delete on countersign.skipped_files to countersign_worker;
grant delete on countersign.collections to countersign_worker;
grant update (refresh_minutes) on countersign.collections to countersign_gateway;
grant select on countersign.skipped_files to countersign_gateway;
grant select (tenant, generation, doc_id, bytes, chunks, owner, source_url, valid_until, updated_at)
  on countersign.generation_documents to countersign_gateway;
