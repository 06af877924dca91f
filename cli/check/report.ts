// One verdict for everybody: as text or JSON on stdout, as JUnit XML and Markdown in files, and as the exit code.
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { CaseResult } from '../../evals/case-result.ts';
import type { GateVerdict } from '../../evals/gate/verdict.ts';
import { exitCodeOf } from '../../evals/gate/verdict.ts';
import { UserError } from '../../runtime/errors.ts';
import { paint, print, printJson } from '../output.ts';
import { visible } from '../untrusted-text.ts';

export interface ReportOptions {
  readonly junit?: string;
  readonly summary?: string;
  readonly json?: boolean;
  readonly home?: string;
}

const STYLE = { passed: 'green', failed: 'red', undecided: 'yellow' } as const;

/** Before anything is paid for. @throws UserError, wrong use */
export function requireFolders({ junit, summary, html }: ReportOptions & { readonly html?: string }): void {
  for (const file of [junit, summary, html]) {
    if (file === undefined || existsSync(dirname(resolve(file)))) continue;
    throw new UserError(`There is no folder for ${file}`, { hint: 'Make it, or name another.', exitCode: 64 });
  }
}

/** @param about beside the verdict in the JSON: of what it is */
export async function report(
  verdict: GateVerdict,
  cases: readonly CaseResult[],
  about: Readonly<Record<string, unknown>>,
  { junit, summary, json }: ReportOptions,
): Promise<void> {
  const { verdictText } = await import('../../evals/gate/text.ts');
  if (junit !== undefined) {
    const { verdictJunit } = await import('../../evals/gate/junit.ts');
    writeFileSync(resolve(junit), verdictJunit(verdict, cases));
  }
  if (summary !== undefined) {
    const { verdictMarkdown } = await import('../../evals/gate/markdown.ts');
    appendFileSync(resolve(summary), `${verdictMarkdown(verdict)}\n`);
  }
  process.exitCode = exitCodeOf(verdict);
  if (json) {
    printJson({ ...about, ...verdict });
    return;
  }
  const [first = '', ...rest] = verdictText(verdict);
  print(paint(STYLE[verdict.outcome], first));
  const of = ['release', 'suite', 'evaluation', 'baseline'].flatMap((key) =>
    about[key] ? [`${key} ${visible(String(about[key]))}`] : [],
  );
  if (of.length > 0) print(`  ${of.join(', ')}`);
  for (const line of rest) print(line);
}
