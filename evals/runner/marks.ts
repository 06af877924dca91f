// What people say of replies that nothing else can check: blind to the release and to what others said of them.
import { createHash } from 'node:crypto';
import type { Sql } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';

export interface Unmarked {
  readonly caseId: string;
  readonly trial: number;
  readonly runId: string;
}

interface OfEvaluation {
  readonly tenant: string;
  readonly evaluation: string;
}

/** Trials without a check that this person has not marked, in an order that tells nothing: neither of the set nor of the release. */
export async function listUnmarked(
  sql: Sql,
  { tenant, evaluation }: OfEvaluation,
  by: string,
): Promise<readonly Unmarked[]> {
  const rows = await sql<Unmarked[]>`
    select r.case_id as "caseId", r.trial, r.run_id as "runId" from evaluation_results r
    where r.tenant = ${tenant} and r.evaluation = ${evaluation} and r.outcome = 'unscored' and r.run_id is not null
      and not exists (select from evaluation_marks m where m.tenant = r.tenant and m.evaluation = r.evaluation
        and m.case_id = r.case_id and m.trial = r.trial and m.marked_by = ${by})`;
  const order = ({ runId }: Unmarked): string => createHash('sha256').update(`${by}\n${runId}`).digest('hex');
  return rows.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
}

export interface Mark extends Pick<Unmarked, 'caseId' | 'trial'> {
  readonly passed: boolean;
  /** At most 500 characters. */
  readonly reason: string;
  readonly by: string;
}

/** Another mark of the same person takes the place of theirs. @throws UserError for a trial that there is not, or that was scored */
export async function keepMark(sql: Sql, { tenant, evaluation }: OfEvaluation, mark: Mark): Promise<void> {
  const { caseId, trial, passed, reason, by } = mark;
  const kept = await sql`
    insert into evaluation_marks (tenant, evaluation, case_id, trial, marked_by, passed, reason)
    select tenant, evaluation, case_id, trial, ${by}, ${passed}, ${reason.slice(0, 500)} from evaluation_results
    where tenant = ${tenant} and evaluation = ${evaluation} and case_id = ${caseId} and trial = ${trial} and outcome = 'unscored'
    on conflict (tenant, evaluation, case_id, trial, marked_by)
      do update set passed = excluded.passed, reason = excluded.reason, marked_at = now()
    returning case_id`;
  if (kept.length > 0) return;
  throw new UserError(`Evaluation ${evaluation} has no case ${caseId} (trial ${trial}) that waits for a mark`, {
    hint: 'Only what nothing else can check is marked: `countersign eval review` lists it.',
  });
}
