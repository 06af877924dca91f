// A verdict as JUnit XML, which CI servers show: a suite of rules and a suite of cases. Pure.
// What is undecided is an error there, since nothing else that JUnit knows stops a build.
import type { CaseResult, TrialResult } from '../case-result.ts';
import type { GateVerdict, RuleVerdict } from './verdict.ts';

interface TestCase {
  readonly suite: string;
  readonly name: string;
  readonly seconds: number;
  readonly outcome: 'passed' | 'failure' | 'error' | 'skipped';
  readonly message: string;
}

/** @param cases of the candidate that the verdict is about */
export function verdictJunit(verdict: GateVerdict, cases: readonly CaseResult[]): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites name="countersign gate">',
    ...suiteOf('gate', verdict.rules.map(testOfRule)),
    ...suiteOf('cases', cases.map(testOfCase)),
    '</testsuites>',
    '',
  ].join('\n');
}

function suiteOf(name: string, tests: readonly TestCase[]): readonly string[] {
  const count = (wanted: TestCase['outcome']): number => tests.filter(({ outcome }) => outcome === wanted).length;
  const seconds = tests.reduce((sum, test) => sum + test.seconds, 0);
  const counts = `tests="${tests.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}"`;
  return [
    `  <testsuite name="${name}" ${counts} time="${seconds.toFixed(3)}">`,
    ...tests.flatMap(linesOf),
    '  </testsuite>',
  ];
}

function linesOf({ suite, name, seconds, outcome, message }: TestCase): readonly string[] {
  const start = `    <testcase classname="${suite}" name="${escapeXml(name)}" time="${seconds.toFixed(3)}"`;
  if (outcome === 'passed') return [`${start}/>`];
  return [`${start}>`, `      <${outcome} message="${escapeXml(message)}"/>`, '    </testcase>'];
}

function testOfRule({ rule, outcome, reason, cases = [], tags = [] }: RuleVerdict): TestCase {
  const isStopped = outcome === 'failed' || outcome === 'undecided';
  const names = [
    ...(tags.length > 0 ? [`Tags: ${tags.join(', ')}.`] : []),
    ...(cases.length > 0 ? [`Cases: ${cases.join(', ')}.`] : []),
  ];
  return {
    suite: 'gate',
    name: rule,
    seconds: 0,
    outcome: !isStopped ? 'passed' : outcome === 'failed' ? 'failure' : 'error',
    message: [reason, ...names].join(' '),
  };
}

const OUTCOMES = { passed: 'passed', failed: 'failure', error: 'error', unscored: 'skipped' } as const;

function testOfCase({ id, outcome, trials }: CaseResult): TestCase {
  const ms = trials.reduce((sum, { latencyMs }) => sum + latencyMs, 0);
  return {
    suite: 'cases',
    name: id,
    seconds: ms / 1000,
    outcome: OUTCOMES[outcome],
    message: messageOf(outcome, trials),
  };
}

function messageOf(outcome: CaseResult['outcome'], trials: readonly TrialResult[]): string {
  if (outcome === 'unscored') {
    const words = trials.flatMap(({ verdicts }) => verdicts.filter(({ scorer }) => scorer === 'judge'));
    return words[0] === undefined ? 'nothing checks this case' : `judge: ${words[0].reason}`;
  }
  const failed = trials
    .filter((trial) => trial.outcome === 'failed')
    .flatMap(({ verdicts }) => verdicts.filter(({ passed }) => !passed))
    .map(({ scorer, reason }) => `${scorer}: ${reason}`);
  if (outcome === 'failed' && failed.length > 0) return [...new Set(failed)].join('; ');
  const run = trials.find((trial) => trial.outcome === outcome)?.runId ?? null;
  const where = run === null ? '' : ` (run ${run})`;
  return outcome === 'error' ? `ended in an error${where}` : `failed${where}`;
}

/** Attribute values: characters that XML 1.0 does not have are replaced, and line breaks survive as references. */
function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"'\t\n\r]/g, (character) => `&#${character.codePointAt(0)};`);
}
