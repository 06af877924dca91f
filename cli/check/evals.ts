// `countersign check evals`: a release evaluated on a set of cases, judged by itself and against a baseline.
import type { CaseResult } from '../../evals/case-result.ts';
import type { GateVerdict } from '../../evals/gate/verdict.ts';
import type { Evaluated } from '../../evals/runner/evaluate.ts';
import type { EvalSet } from '../../releases/eval-set.ts';
import type { Release } from '../../releases/release.ts';
import { refOf } from '../../releases/release.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Measuring } from '../eval/measure.ts';
import { askerOf, concurrencyOf, measure, TENANT, trialsOf } from '../eval/measure.ts';
import type { Suite } from '../eval/suite.ts';
import { findSuite } from '../eval/suite.ts';
import { shareOf, usdOf } from '../option-values.ts';
import { note } from '../output.ts';
import type { StackOptions } from './on-stack.ts';
import { onStack } from './on-stack.ts';
import type { ReportOptions } from './report.ts';
import { report, requireFolders } from './report.ts';

export interface AskingOptions extends ReportOptions, StackOptions {
  readonly minPassRate: string;
  readonly baseline?: string;
  readonly maxAverageCostUsd?: string;
  readonly trials?: string;
  readonly concurrency?: string;
  readonly as?: string;
  /** One that was made already: it is judged as it is, with what people marked since. */
  readonly evaluation?: string;
  readonly anew?: boolean;
  readonly html?: string;
  readonly home?: string;
}

interface EvalsOptions extends AskingOptions {
  readonly suite: string;
  readonly release?: string;
}

export async function evals(options: EvalsOptions): Promise<void> {
  const { judgeEvals } = await import('../../evals/gate/judge.ts');
  const limits = { minPassRate: minPassRateOf(options.minPassRate), ...costLimitOf(options) };
  requireFolders(options);
  await onStack(options, async (measuring) => {
    const suite = await findSuite(measuring.config.releasesDir, options.suite);
    const { set } = suite;
    const release = await resolve(measuring, options.release ?? ownerOf(suite));
    const baseline = await baselineOf(measuring, release, options.baseline);
    const before = baseline && (await measuredBefore(measuring, baseline, set, options));
    const evaluated = await measured(measuring, release, set, options);
    const verdict = judgeEvals({
      ...limits,
      candidate: evaluated.results,
      ...(before !== undefined && { baseline: before }),
    });
    const about = { release: refOf(release), suite: set.name, evaluation: evaluated.id };
    await report(
      verdict,
      evaluated.results,
      { ...about, baseline: baseline === undefined ? null : refOf(baseline) },
      options,
    );
    await page(measuring, { release, set, evaluated, verdict, baseline, before }, options);
  });
}

/** None where none is asked for. @throws UserError, wrong use */
export const costLimitOf = ({ maxAverageCostUsd: most }: Pick<AskingOptions, 'maxAverageCostUsd'>) =>
  most === undefined ? {} : { maxAverageCostUsd: usdOf('--max-average-cost-usd', most) };

/** @throws UserError, wrong use */
export const minPassRateOf = (text: string): number => shareOf('--min-pass-rate', text);

export async function resolve({ sql }: Measuring, ref: string): Promise<Release> {
  const { resolveRelease } = await import('../../releases/registry.ts');
  return await resolveRelease(sql, TENANT, ref, 'dev');
}

function ownerOf({ release, path }: Suite): string {
  if (release !== undefined) return release;
  throw new UserError(`${path} stands beside no release`, {
    hint: 'Say which one to ask: --release NAME@VERSION.',
    exitCode: 64,
  });
}

/** @param asked a label or a version. `undefined` where the baseline is the release itself: there is nothing to compare */
export async function baselineOf(
  measuring: Measuring,
  release: Release,
  asked: string | undefined,
): Promise<Release | undefined> {
  if (asked === undefined) return undefined;
  const baseline = await resolve(measuring, asked.includes('@') ? asked : `${release.body.name}@${asked}`);
  if (baseline.digest !== release.digest) return baseline;
  note(`${asked} is ${refOf(release)} itself: it is not compared`);
  return undefined;
}

/** @throws UserError for a baseline that was never measured on these cases, by who asks now and as often */
async function measuredBefore(
  measuring: Measuring,
  baseline: Release,
  set: EvalSet,
  options: AskingOptions,
): Promise<readonly CaseResult[]> {
  const earlier = await earlierEvaluation(measuring, baseline, set, options);
  if (earlier !== undefined) return earlier.results;
  const { as, trials } = options;
  const same = `${as === undefined ? '' : ` --as ${as}`}${trials === undefined ? '' : ` --trials ${trials}`}`;
  throw new UserError(`${refOf(baseline)} was never measured on ${set.name} as it is now, asked the same way`, {
    hint: `Measure it first, on the documents of today: \`countersign eval run --release ${refOf(baseline)} --suite ${set.name}${same}\`.`,
    exitCode: 2,
  });
}

/** Of the same asker and judge, and with as many trials: staff may read what customers may not, and a case passes when each of its trials does. */
export async function earlierEvaluation(
  { sql, config }: Pick<Measuring, 'sql' | 'config'>,
  release: Release,
  set: EvalSet,
  { as, trials }: Pick<AskingOptions, 'as' | 'trials'>,
): Promise<Pick<Evaluated, 'id' | 'results'> | undefined> {
  const { generationOf, latestEvaluation, listTrials } = await import('../../evals/runner/ledger.ts');
  const { caseResults } = await import('../../evals/runner/evaluate.ts');
  const latest = await latestEvaluation(sql, {
    ...{ tenant: TENANT, release: release.digest, suiteDigest: set.digest },
    ...(await mannerIn({ sql, config }, release, set, { as, trials })),
    generation: await generationOf(sql, { tenant: TENANT, release }),
  });
  if (latest === undefined) return undefined;
  const { id } = latest;
  return { id, results: caseResults(set.cases, await listTrials(sql, { tenant: TENANT, evaluation: id })) };
}

/** By whom, how often and with which judge a set is asked, as the options say. @throws UserError for what cannot judge */
async function mannerIn(
  { sql, config }: Pick<Measuring, 'sql' | 'config'>,
  release: Release,
  set: EvalSet,
  { as, trials }: { readonly as: string | undefined; readonly trials: string | undefined },
) {
  const { mannerOf } = await import('../../evals/runner/evaluate.ts');
  const { judgeOf } = await import('../../evals/judge/judge-release.ts');
  const manner = mannerOf({ set, principal: await askerOf(config, release, as), trials: trialsOf(trials) });
  return { ...manner, judge: (await judgeOf(sql, TENANT, set))?.digest ?? null };
}

export async function measured(
  measuring: Measuring,
  release: Release,
  set: EvalSet,
  {
    trials,
    concurrency,
    as,
    evaluation,
    anew,
  }: Pick<AskingOptions, 'trials' | 'concurrency' | 'as' | 'evaluation' | 'anew'>,
): Promise<Evaluated> {
  if (evaluation !== undefined) {
    return await madeBefore(measuring, { release, set, id: evaluation, as, trials });
  }
  return await measure(measuring, {
    ...{ set, release, as, anew },
    trials: trialsOf(trials),
    concurrency: concurrencyOf(concurrency),
  });
}

interface Made {
  readonly release: Release;
  readonly set: EvalSet;
  readonly id: string;
  readonly as: string | undefined;
  readonly trials: string | undefined;
}

/** @throws UserError when it is of another release or of other cases, or has not ended */
async function madeBefore(
  { sql, config }: Measuring,
  { release, set, id, as, trials: asked }: Made,
): Promise<Evaluated> {
  const { findEvaluation, listTrials } = await import('../../evals/runner/ledger.ts');
  const { caseResults } = await import('../../evals/runner/evaluate.ts');
  const manner = await mannerIn({ sql, config }, release, set, { as, trials: asked });
  const found = await findEvaluation(sql, { tenant: TENANT, id });
  const isOfThese = found.release === release.digest && found.suiteDigest === set.digest && found.endedAt !== null;
  const fits = isOfThese && found.judge === manner.judge && found.by === manner.by && found.trials === manner.trials;
  if (!fits) {
    throw new UserError(`Evaluation ${found.id} is no ended one of ${refOf(release)} on ${set.name} as it is now`, {
      hint: '`countersign eval list` shows which there are, who asked and how often: give the same --as and --trials. A label of the judge may have moved since.',
      exitCode: 2,
    });
  }
  const trials = await listTrials(sql, { tenant: TENANT, evaluation: found.id });
  return { id: found.id, resumed: false, results: caseResults(set.cases, trials) };
}

interface Judged {
  readonly release: Release;
  readonly set: EvalSet;
  readonly evaluated: Evaluated;
  readonly verdict: GateVerdict;
  readonly baseline: Release | undefined;
  readonly before: readonly CaseResult[] | undefined;
}

/** Where one is asked for. */
export async function page(
  measuring: Measuring,
  { release, set, evaluated, verdict, baseline, before }: Judged,
  { html }: Pick<AskingOptions, 'html'>,
): Promise<void> {
  if (html === undefined) return;
  const { writePage } = await import('../eval/page.ts');
  const { id: evaluationId, results } = evaluated;
  const compared = baseline !== undefined &&
    before !== undefined && { baseline: { release: baseline, results: before } };
  await writePage(measuring, { release, set, evaluationId, verdict, results, ...compared }, html);
  note(`wrote ${html}`);
}
