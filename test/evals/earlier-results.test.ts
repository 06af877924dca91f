// What a baseline was measured to be before: only what was asked by the same person, and as often, can be compared. In a real PostgreSQL.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { earlierEvaluation } from '../../cli/check/evals.ts';
import { mannerOf } from '../../evals/runner/evaluate.ts';
import { endEvaluation, keepTrial, openEvaluation } from '../../evals/runner/ledger.ts';
import { developmentIdentity } from '../../policies/development-identities.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import { parseEvalSet } from '../../releases/eval-set.ts';
import { publishFolder } from '../../releases/publish.ts';
import { resolveRelease } from '../../releases/registry.ts';
import type { Release } from '../../releases/release.ts';
import type { Config } from '../../runtime/config.ts';
import { PUBLISHER } from '../support/engine.ts';
import { useDatabase } from '../support/services.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const database = useDatabase();
const temp = useTempFolder();
const set = parseEvalSet([{ id: 'a', question: 'Is it so?', expect: { behaviour: 'answer' } }], 'set.json');
const config = { mode: 'development', policiesDir: 'policies' } as Config;
const sql = () => database.db('gateway').of('default');
let release: Release;

beforeAll(async () => {
  mkdirSync(temp.file('r'));
  writeFileSync(temp.file('models.yaml'), 'v: 1\nmodels:\n  m: { provider: local, model: extractive }\n');
  writeFileSync(join(temp.path, 'r/manifest.yaml'), 'name: refunds\nversion: 1.0.0\nmodel: m\nowner: desk\n');
  writeFileSync(join(temp.path, 'r/prompt.md'), 'Be kind.');
  const policy = loadAccessPolicy('policies');
  const db = database.db('gateway');
  await publishFolder({ db, folder: temp.path, tenant: 'default', principal: PUBLISHER, policy });
  release = await resolveRelease(sql(), 'default', 'refunds@1.0.0', 'dev');
});

async function evaluated(by: string, trials: number, outcome: 'passed' | 'failed'): Promise<string> {
  const principal = developmentIdentity(config, by, 'default');
  const { id } = await openEvaluation(sql(), {
    ...{ tenant: 'default', release: release.digest, suite: set.name, suiteDigest: set.digest, cases: 1 },
    ...mannerOf({ set, principal, trials }),
    generation: null,
  });
  const ofThis = { tenant: 'default', evaluation: id };
  for (let trial = 0; trial < trials; trial += 1) {
    const result = { caseId: 'a', trial, runId: null, outcome, verdicts: [], costUsd: 0, latencyMs: 1 };
    await keepTrial(sql(), ofThis, result);
  }
  await endEvaluation(sql(), ofThis);
  return id;
}
const before = async (options: { readonly as?: string; readonly trials?: string } = {}) =>
  (await earlierEvaluation({ sql: sql(), config }, release, set, options))?.results.map((each) => [
    each.outcome,
    each.trials.length,
  ]);

it('are those of who asks now, with as many trials, whatever was measured since', async () => {
  const id = await evaluated('customer', 1, 'passed');
  await evaluated('staff', 1, 'failed');
  await evaluated('customer', 2, 'failed');
  expect(await before()).toEqual([['passed', 1]]);
  expect(await earlierEvaluation({ sql: sql(), config }, release, set, {})).toMatchObject({ id });
  expect(await before({ as: 'staff' })).toEqual([['failed', 1]]);
  expect(await before({ trials: '2' })).toEqual([['failed', 2]]);
});

it('are none where nobody asked so', async () => {
  expect(await before({ trials: '3' })).toBeUndefined();
  expect(await before({ as: 'operator' })).toBeUndefined();
});
