alter table countersign.index_generations add column dense jsonb;
