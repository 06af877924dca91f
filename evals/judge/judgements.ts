// What judges said, in the ledger, and how often people said the same. Ids and words, and no text of a reply.
import type { Sql, Transaction } from '../../runtime/database.ts';
import type { Digest } from '../../workflows/protocol/index.ts';
import type { Agreement } from '../statistics/kappa.ts';
import { agreementOf } from '../statistics/kappa.ts';
import type { Judgement } from './ask-judge.ts';

interface OfTrial {
  readonly tenant: string;
  readonly evaluation: string;
  readonly caseId: string;
  readonly trial: number;
}

/** Of a trial whose result is there. The first word counts, whoever comes second. */
export async function keepJudgement(
  sql: Transaction,
  { tenant, evaluation, caseId, trial }: OfTrial,
  { runId, passed, fault, costUsd }: Judgement,
): Promise<void> {
  await sql`
    insert into evaluation_judgements (tenant, evaluation, case_id, trial, run_id, passed, fault, cost_usd)
    values (${tenant}, ${evaluation}, ${caseId}, ${trial}, ${runId}, ${passed}, ${fault}, ${costUsd})
    on conflict do nothing`;
}

/**
 * Of all replies in the tenant that this judge judged and people marked. Where people disagree, a reply passes that all of them pass, as
 * its outcome has it.
 */
export async function agreementWithPeople(
  sql: Sql,
  { tenant, judge }: { readonly tenant: string; readonly judge: Digest },
): Promise<Agreement> {
  const rows = await sql<{ judge: boolean; people: boolean; count: number }[]>`
    select judge, people, count(*)::integer as count from (
      select j.passed as judge, bool_and(m.passed) as people
      from evaluation_judgements j
      join evaluations e on e.tenant = j.tenant and e.id = j.evaluation
      join evaluation_marks m on m.tenant = j.tenant and m.evaluation = j.evaluation and m.case_id = j.case_id
        and m.trial = j.trial
      where j.tenant = ${tenant} and e.judge_digest = ${judge} and j.passed is not null
      group by j.evaluation, j.case_id, j.trial, j.passed) marked
    group by judge, people`;
  const count = (judgePasses: boolean, peoplePass: boolean): number =>
    rows.find((row) => row.judge === judgePasses && row.people === peoplePass)?.count ?? 0;
  return agreementOf({
    bothPass: count(true, true),
    onlyJudgePasses: count(true, false),
    onlyPeoplePass: count(false, true),
    bothFail: count(false, false),
  });
}
