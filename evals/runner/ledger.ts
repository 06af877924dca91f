// Evaluations in the ledger: which release on which cases, and what came of each trial. Ids and verdicts, and no text of a reply: that stays with its run.
import { ulid } from 'ulid';
import type { Release } from '../../releases/release.ts';
import type { Sql, Transaction } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Digest } from '../../workflows/protocol/index.ts';
import type { TrialResult } from '../case-result.ts';
import type { Judgement } from '../judge/ask-judge.ts';
import { missingFor } from '../judge/calibration.ts';
import { agreementWithPeople, keepJudgement } from '../judge/judgements.ts';
import { decided } from '../judge/outcome.ts';

export interface EvaluationKey {
  readonly tenant: string;
  readonly release: Digest;
  /** Of the cases. */
  readonly suiteDigest: Digest;
  /** Of the documents that are asked; `null` for a release that searches none. */
  readonly generation: string | null;
  /** The release that judges. @default nobody */
  readonly judge?: Digest | null;
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
  /** `null`: nobody judges. */
  readonly judge: Digest | null;
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
 * Begins one, or finds the one of the same release, cases, documents, judge and person that was cut off.
 *
 * @param anew begins one in any case. @default anew false
 */
export async function openEvaluation(
  sql: Sql,
  evaluation: NewEvaluation,
  anew = false,
): Promise<{ readonly id: string; readonly resumed: boolean }> {
  const { tenant, release, suite, suiteDigest, generation, judge = null, cases, trials, by } = evaluation;
  const [open] = anew
    ? []
    : await sql<{ id: string }[]>`
    select id from evaluations where tenant = ${tenant} and release_digest = ${release} and suite_digest = ${suiteDigest}
      and index_generation is not distinct from ${generation}::text and judge_digest is not distinct from ${judge}::text
      and trials = ${trials} and made_by = ${by} and ended_at is null and started_at > now() - ${RESUMED_WITHIN}::interval
    order by started_at desc limit 1`;
  if (open !== undefined) return { id: open.id, resumed: true };
  const id = ulid();
  await sql`
    insert into evaluations (tenant, id, release_digest, suite, suite_digest, index_generation, judge_digest, cases, trials, made_by)
    values (${tenant}, ${id}, ${release}, ${suite}, ${suiteDigest}, ${generation}, ${judge}, ${cases}, ${trials}, ${by})`;
  return { id, resumed: false };
}

interface OfEvaluation {
  readonly tenant: string;
  readonly evaluation: string;
}

/**
 * The first result of a trial counts, whoever comes second.
 *
 * @param judgement kept with it or not at all. @default nobody judged it
 */
export async function keepTrial(
  sql: Sql,
  ofThis: OfEvaluation,
  kept: KeptTrial,
  judgement?: Judgement | undefined,
): Promise<void> {
  if (judgement === undefined) return await insertTrial(sql, ofThis, kept);
  const { caseId, trial } = kept;
  await sql.begin(async (tx) => {
    await insertTrial(tx, ofThis, kept);
    await keepJudgement(tx, { ...ofThis, caseId, trial }, judgement);
  });
}

async function insertTrial(
  sql: Transaction,
  { tenant, evaluation }: OfEvaluation,
  { caseId, trial, runId, outcome, verdicts, costUsd, latencyMs, ndcg10 }: KeptTrial,
): Promise<void> {
  await sql`
    insert into evaluation_results (tenant, evaluation, case_id, trial, run_id, outcome, verdicts, cost_usd, latency_ms, ndcg_10)
    values (${tenant}, ${evaluation}, ${caseId}, ${trial}, ${runId}, ${outcome}, ${sql.json(verdicts as never)}, ${costUsd},
      ${latencyMs}, ${ndcg10 ?? null})
    on conflict do nothing`;
}

export async function endEvaluation(sql: Sql, { tenant, evaluation }: OfEvaluation): Promise<void> {
  await sql`update evaluations set ended_at = now() where tenant = ${tenant} and id = ${evaluation} and ended_at is null`;
}

interface TrialRow extends KeptTrial {
  readonly ndcg: number | null;
  readonly marks: readonly boolean[];
  readonly judge: Digest | null;
  readonly judgement: Judgement | null;
}

/**
 * Of an evaluation, in no order. Where nothing else could be checked, people's marks count, then a judge's word, if marks bear it out now:
 * what is marked later counts from the next reading on.
 */
export async function listTrials(sql: Sql, { tenant, evaluation }: OfEvaluation): Promise<readonly KeptTrial[]> {
  const rows = await sql<TrialRow[]>`
    select r.case_id as "caseId", r.trial, r.run_id as "runId", r.outcome, r.verdicts, r.cost_usd as "costUsd",
      r.latency_ms as "latencyMs", r.ndcg_10 as ndcg,
      coalesce((select array_agg(m.passed) from evaluation_marks m where m.tenant = r.tenant and m.evaluation = r.evaluation
        and m.case_id = r.case_id and m.trial = r.trial), '{}') as marks,
      (select e.judge_digest from evaluations e where e.tenant = r.tenant and e.id = r.evaluation) as judge,
      (select json_build_object('runId', j.run_id, 'passed', j.passed, 'fault', j.fault, 'costUsd', j.cost_usd)
        from evaluation_judgements j where j.tenant = r.tenant and j.evaluation = r.evaluation
        and j.case_id = r.case_id and j.trial = r.trial) as judgement
    from evaluation_results r where r.tenant = ${tenant} and r.evaluation = ${evaluation}`;
  const judge = rows.find(({ judgement }) => judgement !== null)?.judge ?? null;
  const missing = judge === null ? [] : missingFor(await agreementWithPeople(sql, { tenant, judge }));
  return rows.map((row) => keptOf(row, missing));
}

function keptOf({ marks, judge: _, judgement, ndcg, ...row }: TrialRow, missing: readonly string[]): KeptTrial {
  const trial = ndcg === null ? row : { ...row, ndcg10: ndcg };
  if (trial.outcome !== 'unscored') return trial;
  const { outcome, verdicts } = decided({ marks, judgement: judgement ?? undefined, missing });
  if (judgement === null) return { ...trial, outcome };
  const { fault: __, ...judged } = judgement;
  return { ...trial, outcome, verdicts: [...trial.verdicts, ...verdicts], judged };
}

/** The latest that has ended, of a release, of a suite, or of any; of one who asked, and with so many trials, where that is given. */
export async function latestEvaluation(
  sql: Sql,
  {
    tenant,
    release,
    suiteDigest,
    generation,
    judge,
    by,
    trials,
  }: Pick<EvaluationKey, 'tenant'> & Partial<EvaluationKey & Pick<NewEvaluation, 'by' | 'trials'>>,
): Promise<Evaluation | undefined> {
  const [row] = await sql<Evaluation[]>`
    select id, release_digest as release, suite, suite_digest as "suiteDigest", judge_digest as judge, cases, trials, made_by as by,
      started_at as "startedAt", ended_at as "endedAt" from evaluations where tenant = ${tenant} and ended_at is not null
      and (${release ?? null}::text is null or release_digest = ${release ?? null})
      and (${suiteDigest ?? null}::text is null or suite_digest = ${suiteDigest ?? null})
      and (${generation === undefined} or index_generation is not distinct from ${generation ?? null}::text)
      and (${judge === undefined} or judge_digest is not distinct from ${judge ?? null}::text)
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
    select id, release_digest as release, suite, suite_digest as "suiteDigest", judge_digest as judge, cases, trials, made_by as by,
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
    select id, release_digest as release, suite, suite_digest as "suiteDigest", judge_digest as judge, cases, trials, made_by as by,
      started_at as "startedAt", ended_at as "endedAt" from evaluations where tenant = ${tenant} order by started_at desc, id desc limit ${limit}`;
}
