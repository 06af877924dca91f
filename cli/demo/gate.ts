// The demo's end: two versions of the release at the gate. One proves itself and goes to staging; the other is worse than it, and stays where it is. Each scene says
// what must come of it; what differs is a fault.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CaseResult } from '../../evals/case-result.ts';
import type { GateVerdict } from '../../evals/gate/verdict.ts';
import type { Release } from '../../releases/release.ts';
import { refOf } from '../../releases/release.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Measuring } from '../eval/measure.ts';
import { measure, TENANT, withMeasuring } from '../eval/measure.ts';
import { findSuite } from '../eval/suite.ts';
import { paint, print } from '../output.ts';
import { publisher } from '../publisher.ts';

const NAME = 'support_refund_answer';
const SUITE = 'support_refund_eval_v3';
const MIN_PASS_RATE = 0.92;
/** Of the sample’s own label: `dev` stays where the releases folder put it. */
const LABEL = 'candidate';

interface Version {
  readonly title: string;
  readonly version: string;
  /** Of the manifest. */
  readonly change: readonly [from: string, to: string];
  readonly passes: boolean;
}

const VERSIONS: readonly Version[] = [
  {
    title: 'A version that refuses a little less, at the gate',
    version: '1.5.0',
    change: ['min_score: 0.72', 'min_score: 0.65'],
    passes: true,
  },
  {
    title: 'One that looks at a single passage',
    version: '1.6.0',
    change: ['top_k: 5', 'top_k: 1'],
    passes: false,
  },
];

export interface GateStage {
  readonly home: string | undefined;
  /** Nothing is printed without it. */
  readonly talk: boolean;
  /** Number of the first scene. */
  readonly from: number;
}

export interface PlayedGate {
  readonly faults: readonly string[];
  /** Of the last scene. */
  readonly until: number;
}

export async function playGate({ home, talk, from }: GateStage): Promise<PlayedGate> {
  const faults: string[] = [];
  let scene = from - 1;
  const say = (text = ''): void => {
    if (talk) print(text === '' ? '' : `   ${text}`);
  };
  await withMeasuring(home, async (measuring) => {
    let baseline: Measured | undefined;
    for (const each of VERSIONS) {
      scene += 1;
      if (talk) print(`\n${paint('bold', `${scene}. ${each.title}`)}`);
      say(`${NAME}@${each.version}: ${each.change.join(' → ')}`);
      const release = await publishVersion(measuring, each);
      const measured = await judged(measuring, release, baseline);
      tell(measured.verdict, say);
      const passes = measured.verdict.outcome === 'passed';
      if (passes !== each.passes) faults.push(`the gate says ${measured.verdict.outcome} to ${refOf(release)}`);
      const { isThere, said } = await tryPromote(measuring, release, measured);
      if (isThere !== each.passes) faults.push(`${refOf(release)} ${isThere ? 'went' : 'did not go'} to staging`);
      say(said);
      if (passes) baseline = measured;
    }
  });
  return { faults, until: scene };
}

interface Measured {
  readonly release: Release;
  readonly results: readonly CaseResult[];
  readonly verdict: GateVerdict;
}

async function judged(measuring: Measuring, release: Release, baseline: Measured | undefined): Promise<Measured> {
  const { judgeEvals } = await import('../../evals/gate/judge.ts');
  const { set } = await findSuite(measuring.config.releasesDir, SUITE);
  const { results } = await measure(measuring, { set, release });
  const compared = baseline !== undefined && { baseline: baseline.results };
  return { release, results, verdict: judgeEvals({ candidate: results, minPassRate: MIN_PASS_RATE, ...compared }) };
}

const SHOWN = ['errors', 'critical', 'pass-rate', 'baseline', 'cost'];

function tell({ outcome, rules }: GateVerdict, say: (text: string) => void): void {
  say(paint(outcome === 'passed' ? 'green' : 'red', `gate ${outcome}`));
  for (const each of rules.filter(({ rule }) => SHOWN.includes(rule))) {
    const mark = each.outcome === 'failed' ? paint('red', '✗') : each.outcome === 'passed' ? paint('green', '✓') : '–';
    say(`${mark} ${each.rule.padEnd(9)}  ${each.reason}`);
  }
}

/** What is promised to be said of it: where it went, or why it did not. */
async function tryPromote(
  { db, sql, config }: Measuring,
  release: Release,
  { verdict }: Measured,
): Promise<{ readonly isThere: boolean; readonly said: string }> {
  const { keepGateReport } = await import('../../releases/gate-reports.ts');
  const { promote } = await import('../../releases/promote.ts');
  const { loadAccessPolicy } = await import('../../policies/load.ts');
  const by = PUBLISHER.id;
  await keepGateReport(sql, {
    tenant: TENANT,
    release: release.digest,
    outcome: verdict.outcome,
    counts: true,
    verdict,
    by,
  });
  try {
    const { name, label, to } = await promote({
      ...{ db, tenant: TENANT, principal: PUBLISHER, policy: loadAccessPolicy(config.policiesDir) },
      ...{ ref: refOf(release), label: 'staging', reason: 'the demo' },
    });
    return { isThere: true, said: `${name}@${label} is ${to} now. Nothing was restarted.` };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { isThere: false, said: `${paint('yellow', 'not promoted:')} ${error.message}` };
  }
}

const PUBLISHER = publisher('demo', TENANT);

/** From a folder of its own: the one of the releases stays as it is. */
async function publishVersion(
  { db, sql, config }: Measuring,
  { version, change: [before, after] }: Version,
): Promise<Release> {
  const { publishFolder } = await import('../../releases/publish.ts');
  const { resolveRelease } = await import('../../releases/registry.ts');
  const { loadAccessPolicy } = await import('../../policies/load.ts');
  const folder = mkdtempSync(join(tmpdir(), 'countersign-demo-'));
  try {
    const source = join(config.releasesDir, NAME);
    mkdirSync(join(folder, NAME));
    copyFileSync(join(config.releasesDir, 'models.yaml'), join(folder, 'models.yaml'));
    copyFileSync(join(source, 'prompt.md'), join(folder, NAME, 'prompt.md'));
    const manifest = readFileSync(join(source, 'manifest.yaml'), 'utf8');
    const changed = manifest.replace(/^version: .*$/m, `version: ${version}`).replace(before, after);
    writeFileSync(join(folder, NAME, 'manifest.yaml'), changed);
    const policy = loadAccessPolicy(config.policiesDir);
    await publishFolder({ db, folder, tenant: TENANT, principal: PUBLISHER, policy, label: LABEL });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return await resolveRelease(sql, TENANT, `${NAME}@${version}`, LABEL);
}
