// `countersign check cost`: what a case of the latest evaluation cost on average.
import { refOf } from '../../releases/release.ts';
import { UserError } from '../../runtime/errors.ts';
import { TENANT, withMeasuring } from '../eval/measure.ts';
import { usdOf } from '../option-values.ts';
import { resolve } from './evals.ts';
import type { ReportOptions } from './report.ts';
import { report, requireFolders } from './report.ts';

interface CostOptions extends ReportOptions {
  readonly maxAverageCostUsd: string;
  readonly release?: string;
}

export async function cost(options: CostOptions): Promise<void> {
  const { latestEvaluation, listTrials } = await import('../../evals/runner/ledger.ts');
  const { resultsOfTrials } = await import('../../evals/runner/evaluate.ts');
  const { findRelease } = await import('../../releases/registry.ts');
  requireFolders(options);
  const { judgeAverageCost, judgeErrors } = await import('../../evals/gate/own-rules.ts');
  const { figuresOf } = await import('../../evals/gate/figures.ts');
  const { DEFAULT_MAX_ERROR_SHARE: maxErrorShare } = await import('../../evals/gate/options.ts');
  const { verdictOf } = await import('../../evals/gate/verdict.ts');
  const limit = usdOf('--max-average-cost-usd', options.maxAverageCostUsd);
  await withMeasuring(options.home, async (measuring) => {
    const { sql } = measuring;
    const asked = options.release === undefined ? undefined : await resolve(measuring, options.release);
    const latest = await latestEvaluation(sql, {
      tenant: TENANT,
      ...(asked !== undefined && { release: asked.digest }),
    });
    if (latest === undefined) {
      const what = asked === undefined ? 'No release was' : `${refOf(asked)} was never`;
      throw new UserError(`${what} evaluated, so nobody knows what it costs`, {
        hint: 'Evaluate it first: `countersign check evals --suite …`.',
        exitCode: 2,
      });
    }
    const release = asked ?? (await findRelease(sql, TENANT, latest.release));
    const results = resultsOfTrials(await listTrials(sql, { tenant: TENANT, evaluation: latest.id }));
    const rules = [judgeErrors(results, { maxErrorShare }), judgeAverageCost(results, limit)];
    const verdict = verdictOf(rules, figuresOf(results));
    const about = {
      release: release === undefined ? null : refOf(release),
      suite: latest.suite,
      evaluation: latest.id,
    };
    await report(verdict, results, about, options);
  });
}
