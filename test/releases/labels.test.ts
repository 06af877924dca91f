// Labels on their way: promoted past a gate, moved by two at once, rolled back. In a real PostgreSQL, as the gateway role.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { placeDenial } from '../../policies/denial-ledger.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import { keepGateReport } from '../../releases/gate-reports.ts';
import { labelState, listMoves, moveLabel, wayTo } from '../../releases/labels.ts';
import { listReleases } from '../../releases/list.ts';
import type { Moved, PromoteOptions } from '../../releases/promote.ts';
import { promote, rollback } from '../../releases/promote.ts';
import { publishFolder } from '../../releases/publish.ts';
import { resolveRelease } from '../../releases/registry.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Digest, Principal } from '../../workflows/protocol/index.ts';
import { problemOf } from '../support/problem-of.ts';
import { useDatabase } from '../support/services.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const database = useDatabase();
const policy = loadAccessPolicy('policies');
const temp = useTempFolder();
/** A tenant for each test. */
let tenant: string;
let count = 0;
const digests: Record<string, Digest> = {};

beforeEach(async () => {
  tenant = `tenant-${count++}`;
  for (const version of ['1.0.0', '2.0.0', '3.0.0']) digests[version] = await publish(version);
});

const db = () => database.db('gateway');
const sql = () => db().of(tenant);
const someone = (id: string, roles = ['publisher']): Principal => ({
  ...{ id, tenant, groups: [], roles },
  clearance: 'public',
});

async function publish(version: string): Promise<Digest> {
  const folder = mkdtempSync(join(temp.path, 'releases-'));
  writeFileSync(join(folder, 'models.yaml'), 'v: 1\nmodels:\n  m: { provider: local, model: extractive }\n');
  mkdirSync(join(folder, 'r'));
  writeFileSync(join(folder, 'r/manifest.yaml'), `name: refunds\nversion: ${version}\nmodel: m\nowner: desk\n`);
  writeFileSync(join(folder, 'r/prompt.md'), `Be kind, ${version}.`);
  const [published] = await publishFolder({ db: db(), folder, tenant, principal: someone('ada'), policy });
  return published?.digest as Digest;
}

interface Gated {
  readonly counts?: boolean;
}

/** Made against what production points to then. */
async function gate(
  version: string,
  outcome: 'passed' | 'failed' | 'undecided' = 'passed',
  { counts = true }: Gated = {},
): Promise<string> {
  const verdict = { baselineDigest: (await production()) ?? null };
  return await keepGateReport(sql(), {
    tenant,
    release: digests[version] as Digest,
    outcome,
    counts,
    verdict,
    by: 'ci',
  });
}
const move = async (version: string, more: Partial<PromoteOptions> = {}): Promise<Moved> =>
  await promote({
    ...{ db: db(), tenant, policy, principal: someone('ada'), reason: 'it is good', label: 'production' },
    ref: `refunds@${version}`,
    ...more,
  });
const back = async (more: object = {}): Promise<Moved> =>
  await rollback({
    ...{ db: db(), tenant, policy, principal: someone('bo'), reason: 'INC-7', name: 'refunds', label: 'production' },
    ...more,
  });
const production = async () => (await labelState(sql(), { tenant, name: 'refunds', label: 'production' })).stable;

describe('promote', () => {
  it('points the label at a release that a gate let pass, and notes who, why and by which report', async () => {
    const report = await gate('1.0.0');
    expect(await move('1.0.0')).toEqual({
      ...{ name: 'refunds', label: 'production', from: null, to: 'refunds@1.0.0', digest: digests['1.0.0'] },
      ...{ revision: 1, gateReport: report, moved: true },
    });
    expect((await resolveRelease(sql(), tenant, 'refunds', 'production')).digest).toBe(digests['1.0.0']);
    expect(await listMoves(sql(), { tenant, name: 'refunds', label: 'production' })).toEqual([
      {
        ...{
          label: 'production',
          kind: 'promote',
          from: null,
          to: 'refunds@1.0.0',
          fromDigest: null,
          toDigest: digests['1.0.0'],
        },
        ...{ revision: 1, by: 'ada', at: expect.any(Date), reason: 'it is good', gateReport: report },
      },
    ]);
    const listed = await listReleases(sql(), { tenant, name: 'refunds' });
    expect(listed.map(({ version, labels, gate: said, owner }) => [version, labels, said, owner])).toEqual([
      ['3.0.0', ['dev'], null, 'desk'],
      ['2.0.0', [], null, 'desk'],
      ['1.0.0', ['production'], 'passed', 'desk'],
    ]);
  });

  it('to where it is already writes nothing', async () => {
    await gate('1.0.0');
    await move('1.0.0');
    expect(await move('1.0.0')).toMatchObject({ moved: false, revision: 1 });
    expect(await listMoves(sql(), { tenant, name: 'refunds', label: 'production' })).toHaveLength(1);
  });

  it.each([
    ['no gate has measured it', []],
    ['did not let it pass', ['passed', 'failed']],
    ['is undecided', ['undecided']],
  ] as const)('refuses a release of which %s, and leaves the label', async (why, outcomes) => {
    await gate('1.0.0');
    await move('1.0.0');
    for (const outcome of outcomes) await gate('2.0.0', outcome);
    const { message, hint } = await problemOf(move('2.0.0'));
    expect(message).toContain(`refunds@2.0.0 was not promoted: `);
    expect(message).toContain(why);
    expect(hint).toContain('countersign check release refunds@2.0.0');
    expect(await production()).toBe(digests['1.0.0']);
  });

  it('of one that nobody measured says so in the history, where that is asked for', async () => {
    await move('2.0.0', { unmeasured: true });
    const [latest] = await listMoves(sql(), { tenant, name: 'refunds', label: 'production' });
    expect(latest).toMatchObject({ reason: 'without a gate report: it is good', gateReport: null });
  });

  it('takes no report that does not count', async () => {
    await gate('1.0.0', 'failed');
    await gate('1.0.0', 'passed', { counts: false });
    expect((await problemOf(move('1.0.0'))).message).toContain('did not let it pass');
    await move('1.0.0', { unmeasured: true });
    const [latest] = await listMoves(sql(), { tenant, name: 'refunds', label: 'production' });
    expect(latest?.reason).toMatch(/^past gate report \w+ \(failed\): it is good$/);
  });

  it('to production takes no report that was made against what is not there any more', async () => {
    await gate('1.0.0');
    await gate('2.0.0');
    await move('1.0.0');
    expect((await problemOf(move('2.0.0'))).message).toContain('was not made against what production points to now');
    await gate('2.0.0');
    expect(await move('2.0.0')).toMatchObject({ from: 'refunds@1.0.0' });
  });

  it('to dev needs no gate', async () => {
    expect(await move('1.0.0', { label: 'dev' })).toMatchObject({ from: 'refunds@3.0.0', to: 'refunds@1.0.0' });
  });

  it('is refused to whom the access policy does not let, and of what is denied', async () => {
    await gate('1.0.0');
    expect((await problemOf(move('1.0.0', { principal: someone('eve', []) }))).message).toContain(
      'eve may not move production to refunds@1.0.0 (no policy allows it)',
    );
    await placeDenial(sql(), { tenant, kind: 'release', name: 'refunds@1.0.0', reason: 'INC-9', by: 'ada' });
    expect((await problemOf(move('1.0.0'))).message).toContain('deny-now:');
    expect(await production()).toBeUndefined();
  });

  it.each([
    [{ label: 'Prod!' }, 'Not a label: Prod!'],
    [{ reason: '  ' }, 'A move of a label needs a reason'],
    [{ ref: 'refunds@9.9.9' }, 'No release refunds@9.9.9'],
    [{ expect: '2.0.0' }, 'refunds@production is at refunds@1.0.0, not at 2.0.0. It was left there.'],
  ])('with %j is refused, and the label left', async (more, text) => {
    await gate('1.0.0');
    await gate('3.0.0');
    await move('1.0.0');
    expect((await problemOf(move('3.0.0', more))).message).toContain(text);
    expect(await production()).toBe(digests['1.0.0']);
  });

  it('takes an expectation that holds', async () => {
    await gate('1.0.0');
    await move('1.0.0', { expect: 'nowhere' });
    await gate('2.0.0');
    expect(await move('2.0.0', { expect: '1.0.0' })).toMatchObject({ from: 'refunds@1.0.0', revision: 2 });
  });
});

describe('a label that two move at once', () => {
  const moveFrom = async (from: Awaited<ReturnType<typeof labelState>>, version: string, by: string) =>
    await sql().begin(
      async (tx) =>
        await moveLabel(tx, {
          ...{ tenant, name: 'refunds', label: 'production', from, by, reason: 'now' },
          kind: 'promote',
          to: digests[version] as Digest,
        }),
    );

  it.each(['nowhere', '1.0.0'])('goes where one of them put it, from %s, and the other is told', async (start) => {
    if (start !== 'nowhere') await move(start, { unmeasured: true });
    const seen = await labelState(sql(), { tenant, name: 'refunds', label: 'production' });
    const settled = await Promise.allSettled([moveFrom(seen, '2.0.0', 'ada'), moveFrom(seen, '3.0.0', 'bo')]);
    const won = settled.findIndex(({ status }) => status === 'fulfilled');
    const lost = settled[1 - won];
    expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const [winner, to] = won === 0 ? ['ada', '2.0.0'] : ['bo', '3.0.0'];
    expect(await production()).toBe(digests[to]);
    expect(lost?.status === 'rejected' && lost.reason).toBeInstanceOf(UserError);
    expect(lost?.status === 'rejected' && (lost.reason as Error).message).toContain(
      `refunds@production was moved meanwhile, to refunds@${to} by ${winner} at `,
    );
    expect(await listMoves(sql(), { tenant, name: 'refunds', label: 'production' })).toHaveLength(
      start === 'nowhere' ? 1 : 2,
    );
  });
});

describe('rollback', () => {
  beforeEach(async () => {
    for (const version of ['1.0.0', '2.0.0', '3.0.0']) {
      await gate(version);
      await move(version);
    }
  });

  it('goes back one, and the next one further', async () => {
    expect(await back()).toMatchObject({ from: 'refunds@3.0.0', to: 'refunds@2.0.0', revision: 4, gateReport: null });
    expect(await back()).toMatchObject({ from: 'refunds@2.0.0', to: 'refunds@1.0.0' });
    expect((await problemOf(back())).message).toContain('There is nothing further back');
    const kinds = (await listMoves(sql(), { tenant, name: 'refunds', label: 'production' })).map(({ kind }) => kind);
    expect(kinds).toEqual(['rollback', 'rollback', 'promote', 'promote', 'promote']);
  });

  it('after another promotion goes back to where that began', async () => {
    await back();
    await move('3.0.0');
    expect(await back()).toMatchObject({ to: 'refunds@2.0.0' });
  });

  it('to a version by name takes only where the label was', async () => {
    expect(await back({ to: '1.0.0' })).toMatchObject({ from: 'refunds@3.0.0', to: 'refunds@1.0.0' });
    digests['4.0.0'] = await publish('4.0.0');
    const { message, hint } = await problemOf(back({ to: '4.0.0' }));
    expect(message).toContain('refunds@4.0.0 is not on the way that refunds@production came');
    expect(hint).toContain('release promote refunds@4.0.0 --to production');
  });

  it('of a label or a release that there is not says which there are', async () => {
    expect((await problemOf(back({ label: 'staging' }))).message).toContain('No release refunds@staging');
    expect((await problemOf(back({ name: 'other' }))).hint).toContain('Published are: refunds');
  });

  it('to what is denied is refused: it was taken out of use', async () => {
    await placeDenial(sql(), { tenant, kind: 'release', name: 'refunds@2.0.0', reason: 'INC-9', by: 'ada' });
    expect((await problemOf(back())).message).toContain('deny-now:');
    expect(await production()).toBe(digests['3.0.0']);
  });

  it('does not lead to what was rolled back', async () => {
    await back();
    expect((await problemOf(back({ to: '3.0.0' }))).message).toContain('is not on the way');
  });

  it('that expects another place leaves the label', async () => {
    expect((await problemOf(back({ expect: '2.0.0' }))).message).toContain('is at refunds@3.0.0, not at 2.0.0');
    expect(await production()).toBe(digests['3.0.0']);
  });

  it('of a label that is older than the log of its moves goes to where the first of them began', async () => {
    await database.sql('owner')`delete from release_moves where tenant = ${tenant} and label = 'production'
      and to_digest <> ${digests['3.0.0'] ?? ''}`;
    expect(await back()).toMatchObject({ to: 'refunds@2.0.0' });
  });

  it('reads the way from the moves alone', () => {
    const way = (...moves: string[]) =>
      wayTo(
        moves
          .map((each) => ({
            kind: each.startsWith('-') ? ('rollback' as const) : ('promote' as const),
            fromDigest: null,
            toDigest: `sha256:${each.replace('-', '')}` as Digest,
          }))
          .toReversed(),
      ).map((digest) => digest.slice(7));
    expect(way('a')).toEqual(['a']);
    expect(way('a', 'b', '-a', 'c')).toEqual(['a', 'c']);
    expect(way('a', 'b', 'a')).toEqual(['a', 'b', 'a']);
    expect(way('a', 'b', 'c', '-a')).toEqual(['a']);
  });
});
