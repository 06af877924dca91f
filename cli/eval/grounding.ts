// `countersign eval grounding`: how well the grounding score tells what a context supports, on labelled pairs.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { alignTable, print, printJson } from '../output.ts';

interface GroundingOptions {
  readonly pairs: string;
  readonly json?: boolean;
  readonly scores?: boolean;
}

export function registerGrounding(evaluate: Command): void {
  evaluate
    .command('grounding')
    .description('how well the grounding score parts claims that their context supports from those that it does not')
    .requiredOption(
      '--pairs <file>',
      'JSON lines of {id, context, claim, label}; context: a text or several; label 1: it supports all of the claim',
    )
    .option('--json', 'print the figures as JSON')
    .option('--scores', 'with --json: the score of each pair, too')
    .addHelpText('after', '\nExit codes: 0 it was measured; 2 a label is missing, so that there is nothing to part.')
    .addHelpText('after', '\nExample:\n  $ npx countersign eval grounding --pairs claims.jsonl --json')
    .action(grounding);
}

async function grounding({ pairs, json, scores: wantsScores }: GroundingOptions): Promise<void> {
  const { evaluateGrounding } = await import('../../evals/grounding.ts');
  const { report, scores } = await evaluateGrounding(resolve(pairs));
  process.exitCode = report.auroc === null ? 2 : 0;
  if (json) return printJson({ ...report, ...(wantsScores && { scores }) });
  const { auroc, best } = report;
  const text = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(4));
  print(
    alignTable([
      ['pairs', String(report.pairs)],
      ['positives', String(report.positives)],
      ['AUROC', text(auroc ?? undefined)],
      ['best threshold', text(best?.threshold)],
      ['  balanced accuracy', text(best?.balancedAccuracy)],
      ['  supported, taken', text(best?.sensitivity)],
      ['  not supported, refused', text(best?.specificity)],
    ]),
  );
}
