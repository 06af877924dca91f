-- How much of a provider's rate is used up, for all workers and tenants together: the provider counts by account, not by tenant.

create table countersign.model_rates (
  -- Base URL, and the name of the key's variable where it has one.
  account text primary key,
  -- When all requests, and all tokens, that were let go would have been due one after the other (GCRA's theoretical arrival time).
  request_due timestamptz not null,
  token_due timestamptz not null,
  -- Asked for by the provider: no burst goes before.
  paused_until timestamptz not null default '-infinity'
);
alter table countersign.model_rates enable row level security;
-- No role reads or writes it but by the functions below: it has no tenant, and tells one of another no more than a waiting time.
create policy of_tenant on countersign.model_rates using (false);

-- Takes a place for one request and its tokens, asked for at `moment`. Gives the milliseconds until its turn, and takes no place when
-- that is after `horizon`. A tenth of a minute's limit may go at once, nine tenths over a minute: no 60 seconds hold more requests than
-- the limit. What is larger than that tenth goes when nothing is due any more.
create function countersign.reserve_model_rate_at(moment timestamptz, of_account text, requests_a_minute double precision,
  tokens_a_minute double precision, tokens double precision, horizon interval)
  returns double precision language plpgsql set search_path = countersign, pg_temp as $$
declare
  due countersign.model_rates;
  request_cost interval := coalesce(make_interval(secs => 60 / (0.9 * requests_a_minute)), interval '0');
  token_cost interval := coalesce(make_interval(secs => tokens * 60 / (0.9 * tokens_a_minute)), interval '0');
  burst interval := make_interval(secs => 6 / 0.9);
  opens timestamptz;
  delay interval;
begin
  insert into model_rates values (of_account, '-infinity', '-infinity') on conflict do nothing;
  select * into due from model_rates where account = of_account for update;
  -- After a pause as if everybody had asked at its end: one burst, and the others after it.
  opens := greatest(moment, due.paused_until);
  due.request_due := greatest(due.request_due, opens) + request_cost;
  due.token_due := greatest(due.token_due, opens) + token_cost;
  delay := greatest(opens - moment, due.request_due - moment - greatest(burst, request_cost),
    due.token_due - moment - greatest(burst, token_cost));
  if delay <= horizon then
    update model_rates set request_due = due.request_due, token_due = due.token_due where account = of_account;
  end if;
  return extract(epoch from delay) * 1000;
end $$;
create function countersign.reserve_model_rate(of_account text, requests_a_minute double precision,
  tokens_a_minute double precision, tokens double precision, horizon interval)
  returns double precision language sql security definer set search_path = countersign, pg_temp as $$
  -- Not now(): that is when the transaction began.
  select reserve_model_rate_at(clock_timestamp(), of_account, requests_a_minute, tokens_a_minute, tokens, horizon)
$$;

-- Gives back tokens that were reserved and not used; negative takes more.
create function countersign.settle_model_rate(of_account text, tokens_a_minute double precision, unused double precision)
  returns void language sql security definer set search_path = countersign, pg_temp as $$
  update model_rates set token_due = token_due - make_interval(secs => unused * 60 / (0.9 * tokens_a_minute))
  where account = of_account
$$;

-- The provider said when it takes requests again: nobody asks before.
create function countersign.pause_model_rate(of_account text, for_time interval)
  returns void language sql security definer set search_path = countersign, pg_temp as $$
  insert into model_rates values (of_account, '-infinity', '-infinity', clock_timestamp() + least(for_time, interval '5 minutes'))
  on conflict (account) do update set paused_until = greatest(model_rates.paused_until, excluded.paused_until)
$$;

revoke all on function
  countersign.reserve_model_rate_at(timestamptz, text, double precision, double precision, double precision, interval),
  countersign.reserve_model_rate(text, double precision, double precision, double precision, interval),
  countersign.settle_model_rate(text, double precision, double precision),
  countersign.pause_model_rate(text, interval) from public;
grant execute on function countersign.reserve_model_rate(text, double precision, double precision, double precision, interval),
  countersign.settle_model_rate(text, double precision, double precision),
  countersign.pause_model_rate(text, interval) to countersign_worker;
