// `countersign eval lint`: what is wrong with a set before anything is asked. Needs no stack.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { LintReport } from '../../evals/sets/lint.ts';
import { messageOf, UserError } from '../../runtime/errors.ts';
import { settings } from '../context.ts';
import { alignTable, paint, print, printJson } from '../output.ts';
import { visible } from '../untrusted-text.ts';
import { findSuite } from './suite.ts';

interface LintOptions {
  readonly documents?: string;
  readonly releases?: string;
  readonly json?: boolean;
}

export function registerLint(evaluate: Command): void {
  evaluate
    .command('lint')
    .description('what is wrong with a set: cases that count twice, that documents hold already, or that prove nothing')
    .argument('<suite>', 'a set beside a release, or a file of cases')
    .option('--documents <dir>', 'the documents that answers are made from (text and Markdown), to look for leaks')
    .option('--releases <dir>', 'folder of the releases (default: COUNTERSIGN_RELEASES, or releases)')
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', '\nExit codes: 0 nothing but warnings; 1 there are errors.')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign eval lint support_refund_eval_v3 --documents examples/knowledge-base/refund-policy',
    )
    .action(lint);
}

async function lint(name: string, { documents, releases, json }: LintOptions): Promise<void> {
  const { lintSet } = await import('../../evals/sets/lint.ts');
  const folder = resolve(releases ?? settings().environment.COUNTERSIGN_RELEASES ?? 'releases');
  const { set } = await findSuite(folder, name);
  const report = lintSet(set, documents === undefined ? {} : { documents: textsIn(resolve(documents)) });
  process.exitCode = report.findings.some(({ level }) => level === 'error') ? 1 : 0;
  if (json) return printJson({ suite: set.name, cases: set.cases.length, ...report });
  printReport(report, set.cases.length);
}

const SHOWN = 5;

function printReport({ findings, provableRate }: LintReport, cases: number): void {
  const rows = findings.map(({ kind, level, cases: ids, detail }) => {
    const more = ids.length > SHOWN ? `, and ${ids.length - SHOWN} more` : '';
    const named = ids.length === 0 ? '' : ` (${ids.slice(0, SHOWN).map(visible).join(', ')}${more})`;
    return [paint(level === 'error' ? 'red' : 'yellow', level), kind, `${visible(detail)}${named}`];
  });
  if (rows.length > 0) print(alignTable(rows));
  print(`${cases} cases can prove a pass rate of at most ${(provableRate * 100).toFixed(1)} %, at 95 % confidence`);
}

function* textsIn(folder: string): Generator<{ readonly id: string; readonly text: string }> {
  let names: readonly string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch (cause) {
    throw new UserError(`Cannot read ${folder}: ${messageOf(cause)}`, { hint: 'Name a folder of documents.', cause });
  }
  for (const name of names.filter((each) => /\.(?:md|markdown|txt|html?)$/i.test(each))) {
    const path = join(folder, name);
    yield { id: relative(folder, path), text: readFileSync(path, 'utf8') };
  }
}
