// `countersign check release`: every check of a release as one verdict, kept as the gate report that `release promote` goes by.
import { refOf } from '../../releases/release.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Measuring } from '../eval/measure.ts';
import { TENANT } from '../eval/measure.ts';
import { findSuite } from '../eval/suite.ts';
import { note } from '../output.ts';
import type { AskingOptions } from './evals.ts';
import { baselineOf, costLimitOf, earlierEvaluation, measured, minPassRateOf, page, resolve } from './evals.ts';
import { indexRule } from './index-check.ts';
import { onStack } from './on-stack.ts';
import { historiesIn, replayRule } from './replay.ts';
import { report, requireFolders } from './report.ts';

interface ReleaseOptions extends Omit<AskingOptions, 'minPassRate'> {
  /** @default what the risk class of the release demands */
  readonly minPassRate?: string;
  readonly workflows?: string;
  readonly suite?: string;
  readonly histories?: string;
  readonly by: string;
}

/** Of the latest runs, those of the evaluation among them. */
const REPLAYED_RUNS = 100;

export async function release(ref: string, options: ReleaseOptions): Promise<void> {
  const asked = options.minPassRate === undefined ? undefined : minPassRateOf(options.minPassRate);
  const costLimit = costLimitOf(options);
  requireFolders(options);
  const files = options.histories === undefined ? [] : historiesIn(options.histories);
  await onStack(options, async (measuring) => await check(measuring, ref, { ...options, asked, costLimit, files }));
}

type Asked = ReleaseOptions & {
  /** In place of what the risk class demands. */
  readonly asked: number | undefined;
  readonly costLimit: ReturnType<typeof costLimitOf>;
  readonly files: readonly string[];
};

async function check(measuring: Measuring, ref: string, options: Asked): Promise<void> {
  const { judgeEvals } = await import('../../evals/gate/judge.ts');
  const { verdictOf } = await import('../../evals/gate/verdict.ts');
  const { loadAccessPolicy } = await import('../../policies/load.ts');
  const { keepGateReport } = await import('../../releases/gate-reports.ts');
  const { client, config, sql } = measuring;
  const candidate = await resolve(measuring, ref);
  const { retrieval, evalSet } = candidate.body;
  const suite = options.suite ?? evalSet;
  if (suite === undefined) {
    throw new UserError(`${refOf(candidate)} names no eval_set`, {
      hint: 'Name one in its manifest, or give a set with --suite.',
    });
  }
  const { set } = await findSuite(config.releasesDir, suite);
  const { evaluation: _, ...asking } = options;
  const index = retrieval === undefined ? [] : [await indexRule({ client, config, collection: retrieval.collection })];
  const baseline = await baselineOf(
    measuring,
    candidate,
    options.baseline ?? (await production(measuring, candidate.body.name)),
  );
  const before =
    baseline &&
    ((await earlierEvaluation(measuring, baseline, set, options))?.results ??
      (await measured(measuring, baseline, set, asking)).results);
  const evaluated = await measured(measuring, candidate, set, options);
  const { id, results } = evaluated;
  const demands = loadAccessPolicy(config.policiesDir).riskClasses[candidate.body.risk];
  const { asked: minPassRate = demands.min_pass_rate } = options;
  const judged = judgeEvals({
    ...options.costLimit,
    minPassRate,
    candidate: results,
    ...(before !== undefined && { baseline: before }),
  });
  const replayed = await replayRule({
    client,
    runs: REPLAYED_RUNS,
    files: options.files,
    workflows: options.workflows,
  });
  const rules = [...index, ...judged.rules, replayed];
  const verdict = verdictOf(rules, judged.figures);
  const about = {
    release: refOf(candidate),
    digest: candidate.digest,
    suite: set.name,
    evaluation: id,
    baseline: baseline === undefined ? null : refOf(baseline),
    baselineDigest: baseline?.digest ?? null,
    suiteDigest: set.digest,
    minPassRate,
  };
  // Easier cases, or fewer, or a lower aim, are a look and no gate.
  const isOwn = options.suite === undefined || options.suite === evalSet;
  const isEnough = minPassRate >= demands.min_pass_rate && set.cases.length >= demands.eval_cases;
  const counts = isOwn && isEnough && options.ephemeral !== true;
  const gateReport = await keepGateReport(sql, {
    ...{ tenant: TENANT, release: candidate.digest, outcome: verdict.outcome, counts, by: options.by },
    verdict: { ...about, ...verdict },
  });
  await report(verdict, results, { ...about, gateReport }, options);
  await page(measuring, { release: candidate, set, evaluated, verdict, baseline, before }, options);
  if (options.json) return;
  if (baseline === undefined) note('not compared with a baseline');
  if (options.ephemeral === true) return note('made on a throw-away stack: no label moves by this report');
  note(
    `gate report ${gateReport}${counts ? '' : ': no label moves by it, since it was made on other cases, or held to less than the risk class demands'}`,
  );
  if (counts && verdict.outcome === 'passed') {
    note(`promote it with \`countersign release promote ${refOf(candidate)} --to staging --by … --reason …\``);
  }
}

/** `undefined` where the label points nowhere yet. */
async function production({ sql }: Measuring, name: string): Promise<string | undefined> {
  const { labelState } = await import('../../releases/labels.ts');
  const { stable } = await labelState(sql, { tenant: TENANT, name, label: 'production' });
  return stable === undefined ? undefined : 'production';
}
