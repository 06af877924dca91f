// Releases and gates as people type them, on a real stack: evaluate, judge, promote, roll back; and what is wrong use or cannot be checked.
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_DOCUMENTS } from '../../support/engine.ts';
import { countersign, STACK_FRAME, useStack } from '../../support/stack.ts';

const question = (i: number) => ({
  id: `q${i}`,
  question: 'When is my refund paid after the return is checked in the warehouse?',
  tags: ['direct'],
  expect: { answer_any: ['5 to 7 business days'], cite: ['refund-policy.md'] },
});

/** The project's releases, the answering one with a set of cases that take seconds. */
const releases = mkdtempSync(join(tmpdir(), 'countersign-gates-'));
afterAll(() => rmSync(releases, { recursive: true, force: true }));
const stack = useStack(() => ({ COUNTERSIGN_RELEASES: releases }));
const COLLECTION = 'refund-policy-docs';
const run = async (...args: string[]) => await stack.run(args);
const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).stdout);

const GOOD = 'good';
const CASES = 34;
for (const name of ['models.yaml', 'rewrite_politely', 'support_agent', 'support_refund_answer']) {
  cpSync(join('releases', name), join(releases, name), { recursive: true });
}
const own = join(releases, 'support_refund_answer');
const manifestFile = join(own, 'manifest.yaml');
writeFileSync(manifestFile, readFileSync(manifestFile, 'utf8').replace('support_refund_eval_v3', GOOD));
writeFileSync(
  join(own, 'evals.json'),
  JSON.stringify({ v: 1, name: GOOD, cases: Array.from({ length: CASES }, (_, i) => question(i)) }),
);
let bad = '';
let prose = '';
beforeAll(async () => {
  const set = (name: string, cases: readonly object[]): string => {
    const path = join(stack.folder.path, `${name}.json`);
    writeFileSync(path, JSON.stringify({ v: 1, name, cases }));
    return path;
  };
  const wrong = { ...question(40), severity: 'critical', expect: { answer_any: ['at once'] } };
  bad = set('bad', [...Array.from({ length: 4 }, (_, i) => question(i)), wrong]);
  prose = set('prose', [{ id: 'p1', question: 'How long is a gift card valid?', expected: 'Three years.' }]);
  expect((await run('ingest', SAMPLE_DOCUMENTS, '--collection', COLLECTION)).code).toBe(0);
});

const RELEASE = 'support_refund_answer@1.4.0';

describe('a gate', () => {
  it('lets pass what proves its pass rate, in every form that it prints', async () => {
    const [junit, summary] = [join(stack.folder.path, 'junit.xml'), join(stack.folder.path, 'summary.md')];
    const asked = ['--suite', GOOD, '--release', RELEASE];
    const { code, stdout, stderr } = await run('check', 'evals', ...asked, '--junit', junit, '--summary', summary);
    expect(stdout).toMatch(/^gate passed\n/);
    expect(stdout).toContain(`release ${RELEASE}, suite good, evaluation 01`);
    expect(stdout).toContain(`cases: ${CASES}: ${CASES} passed, 0 failed, 0 errors, 0 unscored`);
    expect(stderr).toContain(`${CASES} of ${CASES} (100 %)`);
    expect(readFileSync(junit, 'utf8')).toContain('<testsuite');
    expect(readFileSync(summary, 'utf8')).toContain('pass');
    expect(code).toBe(0);
  });

  it('stops what fails a critical case, and says which', async () => {
    const { code, stdout } = await run(
      'check',
      'evals',
      '--suite',
      bad,
      '--release',
      RELEASE,
      '--min-pass-rate',
      '0.5',
    );
    expect(stdout).toMatch(/^gate failed\n/);
    expect(stdout).toMatch(/failed +critical +1 of 1 critical case failed, and none may\.\n +cases: "q40"/);
    expect(code).toBe(1);
  });

  it('is undecided where nothing can be checked, until a person marked it', async () => {
    const asked = ['--suite', prose, '--release', RELEASE];
    const undecided = await run('check', 'evals', ...asked, '--json');
    expect(undecided.code).toBe(2);
    const { evaluation } = JSON.parse(undecided.stdout);
    const review = ['eval', 'review', evaluation, '--suite', prose, '--by', 'ada'];
    const [waiting] = await json(...review);
    expect(waiting).toMatchObject({
      caseId: 'p1',
      expected: 'Three years.',
      reply: expect.stringContaining('3 years'),
    });
    expect(JSON.stringify(waiting)).not.toContain('support_refund_answer');
    const asks = await run(...review);
    expect(asks.code).toBe(64);
    expect((await run(...review, '--mark', 'p1=pass', '--reason', 'it is right')).stderr).toBe('1 marked\n');
    expect((await run(...review)).stderr).toBe('nothing waits for your mark\n');
    const again = await json('check', 'evals', ...asked, '--evaluation', evaluation, '--min-pass-rate', '0.1');
    expect(again).toMatchObject({ outcome: 'passed', evaluation, figures: { passed: 1, unscored: 0 } });
  });

  it('looks at cost and at histories, too', async () => {
    const cost = await run('check', 'cost', '--max-average-cost-usd', '0.03');
    expect(cost).toMatchObject({ code: 0, stdout: expect.stringMatching(/^gate passed\n.*max-average-cost/s) });
    const histories = join(stack.folder.path, 'histories');
    mkdirSync(histories);
    for (const name of ['answer-answered', 'answer-judged']) {
      copyFileSync(`test/replay/histories/${name}.json`, join(histories, `${name}.json`));
    }
    const replay = ['check', 'replay', '--runs', '0', '--histories', histories];
    expect(await run(...replay)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 of 2 histories replay.'),
    });
    copyFileSync('test/replay/histories/flow-clarify.json', join(histories, 'flow.json'));
    const unknown = await run(...replay);
    expect(unknown.stdout).toContain('2 of 3 histories replay: 1 could not be replayed at all.');
    expect(unknown.code).toBe(2);
  });

  it.each([
    [['check', 'evals', '--suite', 'none'], 'There is no eval set none', 64],
    [['check', 'evals', '--suite', GOOD, '--min-pass-rate', '92'], '--min-pass-rate must be a share', 64],
    [['check', 'cost', '--max-average-cost-usd', 'x'], '--max-average-cost-usd must be US dollars', 64],
    [['check', 'cost', '--max-average-cost-usd', '1', '--release', 'support_agent'], 'was never evaluated', 2],
    [['check', 'release', 'rewrite_politely'], 'names no eval_set', 2],
    [['check', 'release', 'none@1.0.0'], 'No release none@1.0.0', 2],
    [
      ['check', 'evals', '--suite', GOOD, '--html', '/nowhere/page.html'],
      'There is no folder for /nowhere/page.html',
      64,
    ],
    [['check', 'replay', '--runs', '-1'], '--runs must be a whole number', 64],
    [['eval', 'review', 'NONE', '--suite', GOOD, '--by', 'ada'], 'No evaluation NONE', 1],
    [['release', 'promote', RELEASE, '--to', 'production', '--by', 'ada', '--reason', ' '], 'needs a reason', 64],
    [['release', 'publish', '--by', 'a b'], '--by says who', 64],
  ])('%j is told what is wrong', async (args, text, code) => {
    const ended = await run(...args);
    expect(ended.stderr).toContain(text);
    expect(ended.stderr).not.toMatch(STACK_FRAME);
    expect(ended.code).toBe(code);
  });
});

let gateReport = '';
const by = ['--by', 'ada', '--reason', 'it passed'];

describe('a release', () => {
  it('is promoted by its gate report', async () => {
    const easier = await run('check', 'release', RELEASE, '--min-pass-rate', '0.5');
    expect(easier.stderr).toContain('no label moves by it');
    const early = await run('release', 'promote', RELEASE, '--to', 'production', ...by);
    expect(early.stderr).toContain('no gate has measured it');
    const checked = await run('check', 'release', RELEASE, '--json');
    expect(checked.code).toBe(0);
    const { gateReport: report, rules } = JSON.parse(checked.stdout);
    gateReport = report;
    expect(rules.map(({ rule, outcome }: { rule: string; outcome: string }) => [rule, outcome])).toEqual(
      expect.arrayContaining([
        ['index', 'passed'],
        ['critical', 'passed'],
        ['pass-rate', 'passed'],
        ['replay', 'passed'],
      ]),
    );
    const promoted = await run('release', 'promote', RELEASE, '--to', 'production', ...by);
    expect(promoted.stdout).toContain(`support_refund_answer@production: nowhere → ${RELEASE} (move 1)`);
    expect(promoted.stdout).toContain(`by gate report ${gateReport}`);
  });

  it('that is worse is told apart by `diff`, and stopped by what it is compared with', async () => {
    const folder = join(stack.folder.path, 'releases');
    const manifest = readFileSync(manifestFile, 'utf8');
    mkdirSync(join(folder, 'next'), { recursive: true });
    writeFileSync(join(folder, 'models.yaml'), readFileSync('releases/models.yaml', 'utf8'));
    writeFileSync(
      join(folder, 'next/manifest.yaml'),
      manifest.replace('1.4.0', '1.5.0').replace('top_k: 5', 'top_k: 1').replace('0.72', '0.99'),
    );
    writeFileSync(join(folder, 'next/prompt.md'), 'Answer.\nCite.');
    expect((await run('release', 'publish', '--releases', folder)).stdout).toBe(
      'support_refund_answer@1.5.0: published\n',
    );
    const diff = await run('release', 'diff', 'support_refund_answer@production', 'support_refund_answer@1.5.0');
    expect(diff.stdout).toMatch(/retrieval\n {2}minScore +0\.72 +→ +0\.99\n {2}topK +5 +→ +1\n/);
    expect(diff.code).toBe(1);

    const stopped = await json('check', 'release', 'support_refund_answer@1.5.0');
    expect(stopped).toMatchObject({ outcome: 'failed', baseline: RELEASE });
    const failed = stopped.rules.filter((each: { outcome: string }) => each.outcome === 'failed');
    expect(failed.map(({ rule }: { rule: string }) => rule)).toEqual(expect.arrayContaining(['pass-rate', 'baseline']));
  });

  it('that was stopped is moved only against the word of the gate, and comes back at once', async () => {
    const refused = await run('release', 'promote', 'support_refund_answer@1.5.0', '--to', 'production', ...by);
    expect(refused.stderr).toContain('did not let it pass');
    const forced = ['--to', 'production', '--unmeasured', ...by];
    expect((await run('release', 'promote', 'support_refund_answer@1.5.0', ...forced)).code).toBe(0);
    const back = await run('release', 'rollback', 'support_refund_answer', '--by', 'bo', '--reason', 'INC-7');
    expect(back.stdout).toContain(
      `support_refund_answer@production: support_refund_answer@1.5.0 → ${RELEASE} (move 3)`,
    );

    const history = (await run('release', 'history', 'support_refund_answer', '--label', 'production')).stdout;
    expect(history).toMatch(/production {2}rollback {2}1\.5\.0 → 1\.4\.0 +bo +- +INC-7\n/);
    expect(history).toMatch(
      /production {2}promote +1\.4\.0 → 1\.5\.0 +ada +- +past gate report \w+ \(failed\): it passed\n/,
    );
  });

  it('is listed and shown with what gates said of it', async () => {
    const listed = await json('release', 'list', 'support_refund_answer');
    expect(listed.map(({ version, labels, gate }: Record<string, unknown>) => [version, labels, gate])).toEqual([
      ['1.5.0', ['dev'], 'failed'],
      ['1.4.0', ['production'], 'passed'],
    ]);
    const shown = (await run('release', 'show', 'support_refund_answer@production')).stdout;
    expect(shown).toContain(`gate report ${gateReport}: passed`);
    expect(shown).toContain('collection: refund-policy-docs');
    const evaluations = (await run('eval', 'list')).stdout;
    expect(evaluations).toMatch(/support_refund_answer@1\.5\.0 +good +34 \(34\)/);
  });

  it('is not compared with one that was never measured on these cases', async () => {
    const asked = ['--suite', bad, '--release', 'support_refund_answer@1.5.0', '--baseline', '1.4.0'];
    expect((await run('check', 'evals', ...asked)).code).toBe(1);
    const unmeasured = ['--suite', prose, '--release', RELEASE, '--baseline', '1.5.0'];
    const { code, stderr } = await run('check', 'evals', ...unmeasured);
    expect(stderr).toContain('support_refund_answer@1.5.0 was never measured on prose as it is now');
    expect(stderr).toContain('countersign eval run --release support_refund_answer@1.5.0');
    expect(code).toBe(2);
  });
});

it('lints a set without a stack', async () => {
  const asked = ['eval', 'lint', 'support_refund_eval_v3', '--documents', SAMPLE_DOCUMENTS];
  const { code, stdout } = await countersign(asked);
  expect(stdout).toMatch(/\d+ cases can prove a pass rate of at most \d+\.\d %, at 95 % confidence\n$/);
  expect(code).toBe(0);
});
