// Publishing by class and by policy: what falls short is told at once, in one message, and nothing is published then.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { placeDenial } from '../../policies/denial-ledger.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import type { RiskClasses } from '../../policies/risk-classes.ts';
import { loadReleases } from '../../releases/load.ts';
import type { Published } from '../../releases/publish.ts';
import { publishFolder } from '../../releases/publish.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Principal } from '../../workflows/protocol/index.ts';
import { useDatabase } from '../support/services.ts';
import { useTempFolder } from '../support/temp-folder.ts';
import { testTools } from '../support/test-tools.ts';

const database = useDatabase();
const temp = useTempFolder();
const policy = loadAccessPolicy('policies');
const tools = new Map(testTools().tools.map((tool) => [tool.definition.name, tool]));
let tenant = '';
let count = 0;
beforeEach(() => {
  tenant = `tenant-${count++}`;
});

const evals = (name: string, cases: number): string =>
  JSON.stringify({ v: 1, name, cases: Array.from({ length: cases }, (_, i) => ({ id: `q${i}`, question: 'why?' })) });

function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(temp.path, 'releases-'));
  const all = { 'models.yaml': 'v: 1\nmodels:\n  m: { provider: local, model: extractive }\n', ...files };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const ABOUT = ['owner', 'use_case', 'users', 'data', 'actions', 'success', 'unsafe']
  .map((field) => `${field}: as it should be\n`)
  .join('');

const release = (name: string, more: string, set?: string): Record<string, string> => ({
  [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\nmodel: m\n${ABOUT}expensive_usd: 1\n${more}`,
  [`${name}/prompt.md`]: 'Be kind.',
  ...(set !== undefined && { [`${name}/evals.json`]: set }),
});

interface How {
  readonly roles?: readonly string[];
  readonly label?: string;
  readonly classes?: Partial<RiskClasses>;
}

async function publish(
  files: Readonly<Record<string, string>>,
  { roles = ['publisher'], label, classes }: How = {},
): Promise<readonly Published[]> {
  const principal: Principal = { id: 'ada', tenant, groups: [], roles, clearance: 'public' };
  return await publishFolder({
    db: database.db('gateway'),
    folder: folderOf(files),
    tenant,
    principal,
    policy: { ...policy, riskClasses: { ...policy.riskClasses, ...classes } },
    tools,
    ...(label !== undefined && { label }),
  });
}

async function refusal(publishing: Promise<unknown>): Promise<readonly string[]> {
  const error = await publishing.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(UserError);
  const [first, ...faults] = (error as UserError).message.split('\n');
  expect(first).toBe('Nothing was published:');
  expect(await database.sql('owner')`select 1 from releases where tenant = ${tenant}`).toEqual([]);
  return faults.map((fault) => fault.replace(/^- /, ''));
}

describe('a release of the class', () => {
  it('low needs no evals, high needs five cases, and both are published when they have what they need', async () => {
    const published = await publish({
      ...release('plain', ''),
      ...release('desk', 'tools: [look_up, refund]\neval_set: desk_set\n', evals('desk_set', 5)),
    });
    expect(published.map(({ name, published: is, unchecked }) => [name, is, unchecked.length])).toEqual([
      ['desk', true, 2],
      ['plain', true, 0],
    ]);
    expect(published[0]?.unchecked).toEqual([
      'that its eval set passes: `countersign check release` does',
      'that evidence is exported and signed',
    ]);
  });

  it.each([
    ['no eval_set', '', undefined, 'it names no eval_set, and the class demands at least 5 cases'],
    [
      'no evals.json',
      'eval_set: mine\n',
      undefined,
      'its eval_set is mine, there is no evals.json, and the class demands at least 5 cases',
    ],
    [
      'the evals of another set',
      'eval_set: mine\n',
      evals('other', 9),
      'its eval_set is mine, its evals.json is of other, and the class demands at least 5 cases',
    ],
    [
      'too few cases',
      'eval_set: mine\n',
      evals('mine', 4),
      'its eval_set mine has 4 cases, and the class demands at least 5 cases',
    ],
  ])('high with %s is not published', async (_, more, set, says) => {
    const faults = await refusal(publish(release('desk', `risk: high\n${more}`, set)));
    expect(faults).toEqual([`desk@1.0.0 falls short of risk class high: ${says}`]);
  });

  it.each(['medium', 'high', 'critical'])('%s has to say what people have to know of it', async (risk) => {
    const files = release('desk', `risk: ${risk}\neval_set: mine\n`, evals('mine', 20));
    const said = files['desk/manifest.yaml'] ?? '';
    const without = said.replace(/^(owner|unsafe|expensive_usd): .*\n/gm, '');
    expect(await refusal(publish({ ...files, 'desk/manifest.yaml': without }))).toEqual([
      `desk@1.0.0 falls short of risk class ${risk}: it does not say owner, unsafe, expensive_usd, and the class demands that it does`,
    ]);
    expect(await publish(files)).toMatchObject([{ name: 'desk', published: true }]);
  });

  it('low need not', async () => {
    const { 'plain/manifest.yaml': said = '', ...rest } = release('plain', '');
    const files = { ...rest, 'plain/manifest.yaml': said.replace(ABOUT, '') };
    expect(await publish(files)).toMatchObject([{ name: 'plain', published: true }]);
  });

  it('may not name a tool that is riskier than the class', async () => {
    expect(await refusal(publish(release('desk', 'risk: low\ntools: [look_up, refund, wipe]\n')))).toEqual([
      'desk@1.0.0 falls short of risk class low: its tool refund is of risk high, and the class allows tools up to low',
      'desk@1.0.0 falls short of risk class low: its tool wipe is of risk critical, and the class allows tools up to low',
    ]);
  });

  it('may name only the models that the class allows', async () => {
    const classes = { low: { ...policy.riskClasses.low, models: ['openai-compatible/*'] } };
    expect(await refusal(publish(release('plain', ''), { classes }))).toEqual([
      'plain@1.0.0 falls short of risk class low: its model is local/m, and the class allows openai-compatible/*',
    ]);
  });

  it('is told everything that is missing at once, of every release', async () => {
    const classes = {
      high: { ...policy.riskClasses.high, models: ['openai-compatible/*'], tools_up_to: 'none' as const },
    };
    const files = {
      ...release('desk', 'tools: [refund]\n'),
      ...release('other', 'risk: critical\n'),
      ...release('fine', ''),
    };
    expect(await refusal(publish(files, { classes }))).toEqual([
      'desk@1.0.0 falls short of risk class high: it names no eval_set, and the class demands at least 5 cases',
      'desk@1.0.0 falls short of risk class high: its model is local/m, and the class allows openai-compatible/*',
      'desk@1.0.0 falls short of risk class high: its tool refund is of risk high, and the class allows no tools',
      'other@1.0.0 falls short of risk class critical: it names no eval_set, and the class demands at least 20 cases',
    ]);
  });
});

describe('who publishes', () => {
  it('must be allowed to by the access policy, for this label', async () => {
    expect(await refusal(publish(release('plain', ''), { roles: [], label: 'production' }))).toEqual([
      'ada may not move production to plain@1.0.0 (no policy allows it)',
    ]);
  });

  it('cannot publish what is denied', async () => {
    await publish(release('plain', ''));
    const { id } = await placeDenial(database.db('gateway').of(tenant), {
      tenant,
      kind: 'release',
      name: 'plain',
      reason: 'r',
      by: 'eve',
    });
    const again = publish(release('plain', ''), { label: 'production' });
    await expect(again).rejects.toThrow(`ada may not move production to plain@1.0.0 (deny-now:${id})`);
    const labels = await database.sql('owner')`select label from release_labels where tenant = ${tenant}`;
    expect(labels).toEqual([{ label: 'dev' }]);
  });
});

describe('an evals.json', () => {
  it.each([
    ['that is no JSON', '{', 'evals.json is not JSON'],
    ['without cases', '{"v": 1, "name": "x"}', 'evals.json is malformed: cases'],
    ['with a case that has no id', '{"v": 1, "name": "x", "cases": [{}]}', 'evals.json is malformed: cases.0.id'],
    [
      'with one case twice',
      JSON.stringify([
        { id: 'q', question: 'why?' },
        { id: 'q', question: 'how?' },
      ]),
      'evals.json is malformed: cases.1.id: "q" is that of cases.0, too',
    ],
  ])('%s is an error that names the file', (_, text, says) => {
    expect(() => loadReleases(folderOf(release('plain', '', text)))).toThrow(says);
  });

  it('does not change the digest of its release', () => {
    const digestOf = (cases: number) => loadReleases(folderOf(release('plain', '', evals('x', cases))))[0]?.digest;
    expect(digestOf(1)).toBe(digestOf(2));
  });
});
