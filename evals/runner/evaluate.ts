// Evaluates a release on a set of cases: each trial a run of its own on the stack, some at a time, each result in the ledger before the next begins in its
// place. One that was cut off is gone on with; no trial is repeated, whatever came of it.
import type { CountersignClient, StartOptions } from '../../client/index.ts';
import type { EvalCase } from '../../releases/eval-case.ts';
import type { EvalSet } from '../../releases/eval-set.ts';
import type { Release } from '../../releases/release.ts';
import { refOf } from '../../releases/release.ts';
import type { Sql } from '../../runtime/database.ts';
import { inLanes } from '../../runtime/in-lanes.ts';
import type { Principal } from '../../workflows/protocol/index.ts';
import type { CaseResult, TrialResult } from '../case-result.ts';
import type { Judgement } from '../judge/ask-judge.ts';
import { askJudge } from '../judge/ask-judge.ts';
import { judgeOf } from '../judge/judge-release.ts';
import { requireMayRead } from '../judge/may-read.ts';
import { requireScorers, scoresOf } from '../scorers/auto.ts';
import { ndcgOf } from '../scorers/retrieval.ts';
import { isForJudge, scoreCase } from '../scorers/score.ts';
import type { KeptTrial } from './ledger.ts';
import { endEvaluation, generationOf, keepTrial, listTrials, openEvaluation } from './ledger.ts';
import { observe, whyNot } from './observe.ts';

export interface Evaluate {
  readonly client: CountersignClient;
  /** As the gateway role, of the tenant. */
  readonly sql: Sql;
  readonly tenant: string;
  readonly release: Release;
  /** Its judge is asked of what nothing else can check. */
  readonly set: Pick<EvalSet, 'name' | 'digest' | 'judge' | 'cases'>;
  /** Who asks; `undefined` for anonymous. */
  readonly principal?: Principal | undefined;
  /** Of each case, in place of its own. */
  readonly trials?: number | undefined;
  /** One that was cut off is left as it is. @default false */
  readonly anew?: boolean | undefined;
  /** Trials at once. @default 8 */
  readonly concurrency?: number;
  /** Aborted: no further trial begins, and its reason is thrown once those under way have ended. */
  readonly signal?: AbortSignal;
  /** @param fraction 0–1 of the trials */
  readonly onProgress?: (text: string, fraction: number) => void;
}

export interface Evaluated {
  readonly id: string;
  /** It was cut off before, and gone on with. */
  readonly resumed: boolean;
  readonly results: readonly CaseResult[];
}

interface Planned {
  readonly case: EvalCase;
  readonly trial: number;
}

/** How a set is asked: what was measured otherwise is another measurement. */
export const mannerOf = ({
  set,
  principal,
  trials,
}: Pick<Evaluate, 'set' | 'principal' | 'trials'>): { readonly by: string; readonly trials: number } => ({
  by: principal?.id ?? 'anonymous',
  trials: set.cases.reduce((sum, each) => sum + (trials ?? each.trials), 0),
});

/** @throws what the ledger throws, and UserError for a judge that cannot judge or may not read, before anything is asked; a trial that cannot be started is an error of its own */
export async function evaluate(evaluation: Evaluate): Promise<Evaluated> {
  const { sql, tenant, release, set, anew, concurrency = 8, signal, onProgress } = evaluation;
  await requireScorers(set.cases);
  const judge = await judgeOf(sql, tenant, set);
  if (judge !== undefined) requireMayRead(judge, release, evaluation.principal);
  const generation = await generationOf(sql, { tenant, release });
  const planned = set.cases.flatMap((each) =>
    Array.from({ length: evaluation.trials ?? each.trials }, (_, trial): Planned => ({ case: each, trial })),
  );
  const { id, resumed } = await openEvaluation(
    sql,
    {
      ...{ tenant, release: release.digest, suite: set.name, suiteDigest: set.digest, generation },
      ...{ judge: judge?.digest ?? null, cases: set.cases.length, ...mannerOf(evaluation) },
    },
    anew,
  );
  const ofThis = { tenant, evaluation: id };
  const keyOf = (caseId: string, trial: number): string => JSON.stringify([caseId, trial]);
  const known = new Set((await listTrials(sql, ofThis)).map(({ caseId, trial }) => keyOf(caseId, trial)));
  const left = planned.filter(({ case: { id: caseId }, trial }) => !known.has(keyOf(caseId, trial)));
  let done = planned.length - left.length;
  await inLanes(left, concurrency, async (each) => {
    signal?.throwIfAborted();
    const { kept, judgement } = await tried({ ...evaluation, judge }, id, each);
    await keepTrial(sql, ofThis, kept, judgement);
    done += 1;
    onProgress?.(`${done} of ${planned.length}`, done / planned.length);
  });
  await endEvaluation(sql, ofThis);
  return { id, resumed, results: caseResults(set.cases, await listTrials(sql, ofThis)) };
}

interface Tried {
  readonly kept: KeptTrial;
  readonly judgement?: Judgement;
}

type Trying = Evaluate & { readonly judge: Release | undefined };

async function tried(trying: Trying, evaluation: string, planned: Planned): Promise<Tried> {
  const { client, release, signal } = trying;
  const { case: evalCase, trial } = planned;
  const began = performance.now();
  const caseId = evalCase.id;
  // A trial that was under way when the evaluation was cut off is found again by its key, and not paid for twice. So is its judging.
  const key = `evaluation/${evaluation}/${caseId}/${trial}`;
  try {
    const start = startOf(trying, release, key);
    const { runId, observed } = await observe({ client, release: release.body, case: evalCase, signal, start });
    const asks = evalCase.expect.scores !== undefined;
    const scores = asks && { scores: await scoresOf(evalCase, observed.text) };
    const { outcome, verdicts } = scoreCase(evalCase, { ...observed, ...scores });
    const { costUsd, latencyMs } = observed;
    const ndcg10 = ndcgOf(evalCase, observed);
    const found = ndcg10 !== undefined && { ndcg10 };
    const kept = { caseId, trial, runId, outcome, verdicts, costUsd, latencyMs, ...found };
    const { judge } = trying;
    if (judge === undefined || outcome !== 'unscored' || !isForJudge(evalCase)) return { kept };
    const judging = startOf(trying, judge, `${key}/judge`);
    return {
      kept,
      judgement: await askJudge({ client, judge, start: judging, case: evalCase, reply: observed, signal }),
    };
  } catch (error) {
    if (signal?.aborted) throw error;
    const verdicts = [{ scorer: 'start', passed: false, reason: whyNot(error) }];
    const latencyMs = Math.round(performance.now() - began);
    return { kept: { caseId, trial, runId: null, outcome: 'error', verdicts, costUsd: null, latencyMs } };
  }
}

const startOf = ({ tenant, principal }: Trying, release: Release, idempotencyKey: string): StartOptions => ({
  release: refOf(release),
  tenant,
  ...(principal !== undefined && { principal }),
  idempotencyKey,
});

/** Without the set: severity, tags and clusters are not known then. */
export function resultsOfTrials(trials: readonly KeptTrial[]): readonly CaseResult[] {
  const ids = [...new Set(trials.map(({ caseId }) => caseId))];
  const cases = ids.map((id) => ({ id, tags: [], severity: 'major' as const, cluster: id }));
  return caseResults(cases, trials);
}

type Described = Pick<EvalCase, 'id' | 'tags' | 'severity' | 'cluster'>;

/** In the order of the cases; a case without a trial is left out. */
export function caseResults(cases: readonly Described[], trials: readonly KeptTrial[]): readonly CaseResult[] {
  const byCase = Map.groupBy(trials, ({ caseId }) => caseId);
  return cases.flatMap(({ id, tags, severity, cluster }): CaseResult[] => {
    const own = byCase.get(id)?.toSorted((a, b) => a.trial - b.trial) ?? [];
    if (own.length === 0) return [];
    return [
      { id, tags, severity, cluster, outcome: outcomeOf(own), trials: own.map(({ caseId: _, ...rest }) => rest) },
    ];
  });
}

function outcomeOf(trials: readonly Pick<TrialResult, 'outcome'>[]): CaseResult['outcome'] {
  const has = (outcome: CaseResult['outcome']): boolean => trials.some((each) => each.outcome === outcome);
  if (has('failed')) return 'failed';
  if (has('error')) return 'error';
  return has('unscored') ? 'unscored' : 'passed';
}
