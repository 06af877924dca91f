// Evaluations in the ledger: which release on which cases, and what came of each trial. Ids and verdicts, and no text of a reply: that stays with its run.
import { ulid } from 'ulid';
import type { Release } from '../../releases/release.ts';
import type { Sql } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Digest } from '../../workflows/protocol/index.ts';
import type { TrialResult } from '../case-result.ts';

export interface EvaluationKey {
  readonly tenant: string;
  readonly release: Digest;
  /** Of the cases. */
  readonly suiteDigest: Digest;
  /** Of the documents that are asked; `null` for a release that searches none. */
  readonly generation: string | null;
}

export interface NewEvaluation extends EvaluationKey {
  readonly suite: string;
  readonly cases: number;
  /** Of all cases together. */
  readonly trials: number;
  readonly by: string;
}

export interface Evaluation {
  readonly id: string;
  readonly release: Digest;
  readonly suite: string;
  readonly suiteDigest: Digest;
  readonly cases: number;
  readonly trials: number;
  readonly by: string;
  readonly startedAt: Date;
  /** `null`: it is under way, or was cut off. */
  readonly endedAt: Date | null;
}

export interface KeptTrial extends TrialResult {
  readonly caseId: string;
}

/** One that was cut off longer ago is begun anew: too much may have changed since. */
const RESUMED_WITHIN = '1 day';

/** What a run that begins now would search; `null` for a release that searches nothing, or a collection that there is not. */
export async function generationOf(
  sql: Sql,
  { tenant, release }: { readonly tenant: string; readonly release: Pick<Release, 'body'> },
): Promise<string | null> {
  const collection = release.body.retrieval?.collection;
  if (collection === undefined) return null;
  const [row] = await sql<{ generation: string }[]>`
    select generation from collections where tenant = ${tenant} and name = ${collection}`;
  return row?.generation ?? null;
}

/**
 * Begins one, or finds the one of the same release, cases, documents and person that was cut off.
 *
 * @param anew begins one in any case. @default anew false
 */
export async function openEvaluation(
  sql: Sql,
  evaluation: NewEvaluation,
  anew = false,
): Promise<{ readonly id: string; readonly resumed: boolean }> {
  const { tenant, release, suite, suiteDigest, generation, cases, trials, by } = evaluation;
  const [open] = anew
    ? []
    : await sql<{ id: string }[]>`
    select id from evaluations where tenant = ${tenant} and release_digest = ${release} and suite_digest = ${suiteDigest}
      and index_generation is not distinct from ${generation}::text and trials = ${trials} and made_by = ${by} and ended_at is null and started_at > now() - ${RESUMED_WITHIN}::interval
    order by started_at desc limit 1`;
  if (open !== undefined) return { id: open.id, resumed: true };
  const id = ulid();
  await sql`
    insert into evaluations (tenant, id, release_digest, suite, suite_digest, index_generation, cases, trials, made_by)
    values (${tenant}, ${id}, ${release}, ${suite}, ${suiteDigest}, ${generation}, ${cases}, ${trials}, ${by})`;
  return { id, resumed: false };
}

/** The first result of a trial counts, whoever comes second. */
export async function keepTrial(
  sql: Sql,
  { tenant, evaluation }: { readonly tenant: string; readonly evaluation: string },
  { caseId, trial, runId, outcome, verdicts, costUsd, latencyMs }: KeptTrial,
): Promise<void> {
  await sql`
    insert into evaluation_results (tenant, evaluation, case_id, trial, run_id, outcome, verdicts, cost_usd, latency_ms)
    values (${tenant}, ${evaluation}, ${caseId}, ${trial}, ${runId}, ${outcome}, ${sql.json(verdicts as never)}, ${costUsd},
      ${latencyMs})
    on conflict do nothing`;
}

export async function endEvaluation(
  sql: Sql,
  { tenant, evaluation }: { readonly tenant: string; readonly evaluation: string },
): Promise<void> {
  await sql`update evaluations set ended_at = now() where tenant = ${tenant} and id = ${evaluation} and ended_at is null`;
}

/** Of an evaluation, in no order. What people marked counts where nothing else could be checked. */
export async function listTrials(
  sql: Sql,
  { tenant, evaluation }: { readonly tenant: string; readonly evaluation: string },
): Promise<readonly KeptTrial[]> {
  const rows = await sql<(KeptTrial & { readonly marks: readonly boolean[] })[]>`
    select r.case_id as "caseId", r.trial, r.run_id as "runId", r.outcome, r.verdicts, r.cost_usd as "costUsd",
      r.latency_ms as "latencyMs",
      coalesce((select array_agg(m.passed) from evaluation_marks m where m.tenant = r.tenant and m.evaluation = r.evaluation
        and m.case_id = r.case_id and m.trial = r.trial), '{}') as marks
    from evaluation_results r where r.tenant = ${tenant} and r.evaluation = ${evaluation}`;
  return rows.map(({ marks, ...trial }) =>
    trial.outcome === 'unscored' && marks.length > 0
      ? { ...trial, outcome: marks.every(Boolean) ? ('passed' as const) : ('failed' as const) }
      : trial,
  );
}

/** The latest that has ended, of a release, of a suite, or of any; of one who asked, and with so many trials, where that is given. */
export async function latestEvaluation(
  sql: Sql,
  {
    tenant,
    release,
    suiteDigest,
    generation,
    by,
    trials,
  }: Pick<EvaluationKey, 'tenant'> & Partial<EvaluationKey & Pick<NewEvaluation, 'by' | 'trials'>>,
): Promise<Evaluation | undefined> {
  const [row] = await sql<Evaluation[]>`
    select id, release_digest as release, suite, suite_digest as "suiteDigest", cases, trials, made_by as by,
      started_at as "startedAt", ended_at as "endedAt" from evaluations where tenant = ${tenant} and ended_at is not null
      and (${release ?? null}::text is null or release_digest = ${release ?? null})
      and (${suiteDigest ?? null}::text is null or suite_digest = ${suiteDigest ?? null})
      and (${generation === undefined} or index_generation is not distinct from ${generation ?? null}::text)
      and (${by ?? null}::text is null or made_by = ${by ?? null})
      and (${trials ?? null}::integer is null or trials = ${trials ?? null})
    order by started_at desc, id desc limit 1`;
  return row;
}

/** @param id or the beginning of one. @throws UserError when there is none, or more than one */
export async function findEvaluation(
  sql: Sql,
  { tenant, id }: { readonly tenant: string; readonly id: string },
): Promise<Evaluation> {
  const rows = await sql<Evaluation[]>`
    select id, release_digest as release, suite, suite_digest as "suiteDigest", cases, trials, made_by as by,
      started_at as "startedAt", ended_at as "endedAt" from evaluations where tenant = ${tenant} and starts_with(id, ${id.toUpperCase()}) limit 2`;
  const [row, other] = rows;
  if (row !== undefined && other === undefined) return row;
  throw new UserError(other === undefined ? `No evaluation ${id}` : `More than one evaluation begins with ${id}`, {
    hint: '`countersign eval list` shows them.',
  });
}

/** Latest first. */
export async function listEvaluations(
  sql: Sql,
  { tenant, limit }: { readonly tenant: string; readonly limit: number },
): Promise<readonly Evaluation[]> {
  return await sql<Evaluation[]>`
    select id, release_digest as release, suite, suite_digest as "suiteDigest", cases, trials, made_by as by,
      started_at as "startedAt", ended_at as "endedAt" from evaluations where tenant = ${tenant} order by started_at desc, id desc limit ${limit}`;
}
