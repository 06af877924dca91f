// Evaluates a release on a set of cases: each trial a run of its own on the stack, some at a time, each result in the ledger before the next begins in its
// place. One that was cut off is gone on with; no trial is repeated, whatever came of it.
import type { CountersignClient } from '../../client/index.ts';
import type { EvalCase } from '../../releases/eval-case.ts';
import type { EvalSet } from '../../releases/eval-set.ts';
import type { Release } from '../../releases/release.ts';
import type { Sql } from '../../runtime/database.ts';
import { inLanes } from '../../runtime/in-lanes.ts';
import type { Principal } from '../../workflows/protocol/index.ts';
import type { CaseResult, TrialResult } from '../case-result.ts';
import { requireScorers, scoresOf } from '../scorers/auto.ts';
import { scoreCase } from '../scorers/score.ts';
import type { KeptTrial } from './ledger.ts';
import { endEvaluation, generationOf, keepTrial, listTrials, openEvaluation } from './ledger.ts';
import { observe, whyNot } from './observe.ts';

export interface Evaluate {
  readonly client: CountersignClient;
  /** As the gateway role, of the tenant. */
  readonly sql: Sql;
  readonly tenant: string;
  readonly release: Release;
  readonly set: Pick<EvalSet, 'name' | 'digest' | 'cases'>;
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

/** @throws what the ledger throws; a trial that cannot be started is an error of its own */
export async function evaluate(evaluation: Evaluate): Promise<Evaluated> {
  const { sql, tenant, release, set, anew, concurrency = 8, signal, onProgress } = evaluation;
  await requireScorers(set.cases);
  const generation = await generationOf(sql, { tenant, release });
  const planned = set.cases.flatMap((each) =>
    Array.from({ length: evaluation.trials ?? each.trials }, (_, trial): Planned => ({ case: each, trial })),
  );
  const { id, resumed } = await openEvaluation(
    sql,
    {
      ...{ tenant, release: release.digest, suite: set.name, suiteDigest: set.digest, generation },
      ...{ cases: set.cases.length, ...mannerOf(evaluation) },
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
    await keepTrial(sql, ofThis, await tried(evaluation, id, each));
    done += 1;
    onProgress?.(`${done} of ${planned.length}`, done / planned.length);
  });
  await endEvaluation(sql, ofThis);
  return { id, resumed, results: caseResults(set.cases, await listTrials(sql, ofThis)) };
}

async function tried(
  { client, release, principal, signal, tenant }: Evaluate,
  evaluation: string,
  { case: evalCase, trial }: Planned,
): Promise<KeptTrial> {
  const { name, version } = release.body;
  const began = performance.now();
  const caseId = evalCase.id;
  try {
    const { runId, observed } = await observe({
      ...{ client, release: release.body, case: evalCase, signal },
      start: {
        release: `${name}@${version}`,
        tenant,
        ...(principal !== undefined && { principal }),
        // A trial that was under way when the evaluation was cut off is found again, and not paid for twice.
        idempotencyKey: `evaluation/${evaluation}/${caseId}/${trial}`,
      },
    });
    const asks = evalCase.expect.scores !== undefined;
    const scores = asks && { scores: await scoresOf(evalCase, observed.text) };
    const { outcome, verdicts } = scoreCase(evalCase, { ...observed, ...scores });
    const { costUsd, latencyMs } = observed;
    return { caseId, trial, runId, outcome, verdicts, costUsd, latencyMs };
  } catch (error) {
    if (signal?.aborted) throw error;
    const verdicts = [{ scorer: 'start', passed: false, reason: whyNot(error) }];
    const latencyMs = Math.round(performance.now() - began);
    return { caseId, trial, runId: null, outcome: 'error', verdicts, costUsd: null, latencyMs };
  }
}

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
