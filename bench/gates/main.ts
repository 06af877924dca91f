// `npm run bench:gates`: false alarms of the release gate over releases that change nothing, and what it sees of worse ones.
// Options: --json, --quick (a tenth of the releases), --seed N. Exit 0 when it holds what it promises, 1 when not, 64 for wrong use.
import { parseArgs } from 'node:util';
import { alignTable, note, print, printJson } from '../../cli/output.ts';
import { messageOf } from '../../runtime/errors.ts';
import { CASES, CRITICAL_SHARE, ERROR_RATE, PASS_RATE, TAGS } from './releases.ts';
import type { Scenario, ScenarioFigures } from './simulate.ts';
import { MAX_LATENCY_INCREASE, MAX_RETRIEVAL_DROP, MIN_PASS_RATE, RESAMPLES, simulate } from './simulate.ts';

interface Promised extends Scenario {
  readonly maxStoppedShare?: number;
  readonly maxFailedShare?: number;
  readonly minFailedShare?: number;
}

const SCENARIOS: readonly Promised[] = [
  { name: 'nothing changed', change: {}, releases: 10_000, maxStoppedShare: 0.05 },
  {
    name: 'nothing changed, 85 %, compared only',
    change: {},
    passRate: 0.85,
    comparesOnly: true,
    releases: 2_000,
    maxFailedShare: 0.05,
  },
  { name: '8 points worse, spread', change: { worseBy: 0.08 }, releases: 300, minFailedShare: 0.8 },
  {
    name: '8 points worse, broken stories',
    change: { worseBy: 0.08, how: 'broken' },
    releases: 300,
    minFailedShare: 0.8,
  },
  { name: '4 points worse, spread', change: { worseBy: 0.04 }, releases: 300 },
  { name: 'costs 50 % more', change: { cost: 1.5 }, releases: 300 },
  { name: 'one of five documents is no longer found', change: { unfound: 0.2 }, releases: 300, minFailedShare: 0.8 },
];

interface Options {
  readonly json: boolean;
  readonly quick: boolean;
  readonly seed: number;
}

function options(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, seed: { type: 'string', default: '1' } },
    });
    const seed = Number(values.seed);
    if (!Number.isSafeInteger(seed)) throw new Error(`--seed ${values.seed} is no whole number`);
    return { json: values.json ?? false, quick: values.quick ?? false, seed };
  } catch (error) {
    note(`${messageOf(error)}\nUsage: npm run bench:gates -- [--quick] [--seed N] [--json]`);
    return undefined;
  }
}

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

function promiseOf({ maxStoppedShare, maxFailedShare, minFailedShare }: Promised): string {
  if (maxStoppedShare !== undefined) return `stopped or undecided: at most ${maxStoppedShare * 100} %`;
  if (maxFailedShare !== undefined) return `failed: at most ${maxFailedShare * 100} %`;
  return minFailedShare === undefined ? '' : `failed: at least ${minFailedShare * 100} %`;
}

function isKept(promised: Promised, { stoppedShare, failedShare }: ScenarioFigures): boolean {
  const { maxStoppedShare = 1, maxFailedShare = 1, minFailedShare = 0 } = promised;
  return stoppedShare <= maxStoppedShare && failedShare <= maxFailedShare && failedShare >= minFailedShare;
}

const SETUP = [
  `${CASES} cases in stories of 1 to 3, ${TAGS} tags, true pass rate ${percent(PASS_RATE)}; ${percent(ERROR_RATE)} of cases end in an error.`,
  `${percent(CRITICAL_SHARE)} of the cases are critical, and those pass always, in all releases: one that can fail by chance raises false alarms.`,
  `Gate: pass rate of ${percent(MIN_PASS_RATE)} proven; baseline, tags, cost (+10 %), latency (+${MAX_LATENCY_INCREASE * 100} %) and retrieval (−${MAX_RETRIEVAL_DROP}) at one alpha of 5 %; ${RESAMPLES} resamples.`,
  `Compared only: the baseline passes 85 %, no pass rate is asked for, costs may not rise and retrieval may not drop at all.`,
];

const chosen = options();
if (chosen === undefined) process.exitCode = 64;
else {
  const began = performance.now();
  const results = SCENARIOS.map((scenario, at) => {
    const releases = chosen.quick ? scenario.releases / 10 : scenario.releases;
    note(`${scenario.name}: ${releases} releases`);
    const figures = simulate({ ...scenario, releases }, chosen.seed + at);
    return { figures, promise: promiseOf(scenario), kept: isKept(scenario, figures) };
  });
  const seconds = Math.round((performance.now() - began) / 1000);
  if (chosen.json) {
    const scenarios = results.map(({ figures, promise, kept }) => ({ ...figures, promise, kept }));
    printJson({ v: 1, setup: SETUP, seed: chosen.seed, seconds, scenarios });
  } else {
    print(`${SETUP.join('\n')}\n`);
    const rows = results.map(({ figures: { name, releases, outcomes, rules }, promise, kept }) => [
      name,
      String(releases),
      ...[outcomes.passed, outcomes.failed, outcomes.undecided].map((count) => percent(count / releases)),
      promise === '' ? '' : `${promise} ${kept ? '✓' : '✗'}`,
      Object.entries(rules)
        .map(([rule, count]) => `${rule} ${percent(count / releases)}`)
        .join(', '),
    ]);
    print(alignTable([['release', 'times', 'passed', 'failed', 'undecided', 'promised', 'stopped by'], ...rows]));
    print(`\n${seconds} s`);
  }
  if (!results.every(({ kept }) => kept)) process.exitCode = 1;
}
