-- What a paid model call may cost at most, until it is settled: limits of a day count it from its claim on.

alter table countersign.model_calls
  -- Input and output tokens.
  add column reserved_tokens bigint not null default 0,
  -- US dollars; null where the price is not known.
  add column reserved_usd numeric;
create index model_calls_recent on countersign.model_calls (tenant, claimed_at);
