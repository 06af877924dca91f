// A judge among the scorers as people type it, on a real stack: undecided until people's marks bear it out, then counted, told apart from costs, and shown.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_DOCUMENTS } from '../../support/engine.ts';
import type { ChatRequest } from '../../support/model-server.ts';
import { startModelServer } from '../../support/model-server.ts';
import { useStack } from '../../support/stack.ts';

const RELEASE = 'support_refund_answer@1.4.0';
const server = await startModelServer();
const releases = mkdtempSync(join(tmpdir(), 'countersign-judge-'));
afterAll(async () => {
  await server.close();
  rmSync(releases, { recursive: true, force: true });
});
const stack = useStack(() => ({ COUNTERSIGN_RELEASES: releases }));
const run = async (...args: string[]) => await stack.run(args);
const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).stdout);

cpSync('releases/support_refund_answer', join(releases, 'support_refund_answer'), { recursive: true });
const models = readFileSync('releases/models.yaml', 'utf8').replace(
  /^models:\n/m,
  `models:\n  judge: { provider: openai-compatible, model: j, base_url: "${server.url}", input_usd_per_million: 10, output_usd_per_million: 100 }\n`,
);
writeFileSync(join(releases, 'models.yaml'), models);
/** The example of docs/releases.md. */
const docs = readFileSync('docs/releases.md', 'utf8');
const example = (file: string): string => {
  const [, text] = new RegExp(`\`${file}\`:\\n\\n\`\`\`[a-z]+\\n([^]*?)\`\`\``).exec(docs) ?? [];
  if (text === undefined) throw new Error(`docs/releases.md has no ${file}`);
  return text;
};
mkdirSync(join(releases, 'reply_judge'));
for (const file of ['manifest.yaml', 'prompt.md', 'output.schema.json']) {
  writeFileSync(join(releases, 'reply_judge', file), example(`reply_judge/${file}`));
}

/** Twenty replies that the judge passes, and twelve that it fails. */
const isRight = (i: number): boolean => i < 20;
const cases = Array.from({ length: 32 }, (_, i) => ({
  id: `q${i}`,
  question: isRight(i) ? 'When is my refund paid after the return is checked?' : 'How long is a gift card valid?',
  expected: 'After 5 to 7 business days.',
}));
let [suite, plain, one] = ['', '', ''];
beforeAll(async () => {
  const set = (name: string, more: object): string => {
    const path = join(stack.folder.path, `${name}.json`);
    writeFileSync(path, JSON.stringify({ v: 1, name, cases, ...more }));
    return path;
  };
  suite = set('judged', { judge: 'reply_judge@1.0.0' });
  plain = set('plain', {});
  one = set('one', { judge: 'reply_judge@1.0.0', cases: cases.slice(0, 1) });
  server.always(({ messages }: ChatRequest) => {
    const [, document = ''] = messages.at(-1)?.content?.split('\n') ?? [];
    const { reply } = JSON.parse(document);
    return JSON.stringify({ passed: reply.text.includes('5 to 7'), reason: '<b>canary-4711' });
  });
  expect((await run('ingest', SAMPLE_DOCUMENTS, '--collection', 'refund-policy-docs')).code).toBe(0);
});

describe('a judge', () => {
  let evaluation = '';
  const check = ['check', 'evals', '--release', RELEASE, '--min-pass-rate', '0.4'];
  const marksOf = (from: number, to: number): string[] =>
    cases.slice(from, to).flatMap(({ id }, i) => ['--mark', `${id}=${isRight(from + i) ? 'pass' : 'fail'}`]);

  it('leaves the gate undecided while nobody bears it out, and says what it cost', async () => {
    const { code, stdout } = await run(...check, '--suite', suite, '--json');
    const verdict = JSON.parse(stdout);
    evaluation = verdict.evaluation;
    expect(code).toBe(2);
    expect(verdict.figures).toMatchObject({ unscored: 32, averageCostUsd: 0, judged: { replies: 32 } });
    expect(verdict.figures.judged.costUsd).toBeCloseTo(32 * 0.0006, 10);
    const unscored = verdict.rules.find(({ rule }: { rule: string }) => rule === 'unscored');
    expect(unscored.reason).toContain('(a judge has a word on 32, which marks do not bear out yet)');
    const junit = join(stack.folder.path, 'junit.xml');
    const again = await run(...check, '--suite', suite, '--evaluation', evaluation, '--junit', junit);
    expect(readFileSync(junit, 'utf8')).toContain('message="judge: it passes, says the judge, and its word does not');
    expect(again.stdout).toContain('judge: 32 replies for $0.0192, beside what the release costs');
  });

  it('is heard of in an evaluation that nothing decides', async () => {
    const { stdout } = await run('eval', 'run', '--suite', one, '--release', RELEASE);
    expect(stdout).toMatch(/unscored {2}q0 {2}judge: it gave its word, which counts when marks bear it out/);
    expect(stdout).toContain('judge: 1 reply for $0.0006, beside what the release costs');
  });

  it('is not seen by who marks', async () => {
    const waiting = await json('eval', 'review', evaluation, '--suite', suite, '--by', 'ada');
    expect(waiting).toHaveLength(32);
    expect(Object.keys(waiting[0]).sort()).toEqual(['caseId', 'criteria', 'expected', 'question', 'reply', 'trial']);
    expect(JSON.stringify(waiting)).not.toMatch(/judge|canary/);
  });

  it('counts once thirty marks bear it out, and not before', async () => {
    const review = ['eval', 'review', evaluation, '--suite', suite, '--by', 'ada'];
    expect((await run(...review, ...marksOf(0, 17), ...marksOf(20, 32))).stderr).toBe('29 marked\n');
    const early = await json('eval', 'judge', '--suite', suite);
    expect(early).toMatchObject({ judge: 'reply_judge@1.0.0', marked: 29, kappa: 1, counts: false });
    expect(early.missing).toEqual(['people marked 29 replies of 30']);
    expect((await run(...review, ...marksOf(17, 18))).stderr).toBe('1 marked\n');
    const { stdout } = await run('eval', 'judge', '--judge', 'reply_judge');
    expect(stdout).toMatch(/people pass +people fail\n +judge passes +18 +0\n +judge fails +0 +12\n/);
    expect(stdout).toContain('of what people pass, it passes 100 % (with 95 % confidence 82.4 % to 100 %)');
    expect(stdout).toMatch(/kappa: 1\n {2}its word counts\n$/);
  });

  it('decides from then on, in what is printed and on the page', async () => {
    const page = join(stack.folder.path, 'page.html');
    const args = [...check, '--suite', suite, '--evaluation', evaluation, '--html', page];
    const { code, stdout } = await run(...args);
    expect(stdout).toContain('cases: 32: 20 passed, 12 failed, 0 errors, 0 unscored');
    expect(code).toBe(0);
    const html = readFileSync(page, 'utf8');
    expect(html).toContain('<strong>judge</strong> passed: <bdi>it passes, says the judge</bdi>');
    expect(html).toMatch(/judged in run <code>/);
    expect(html).toMatch(/The judge’s reason<\/dt><dd dir="auto"><div class="text">&lt;b&gt;canary-4711/);
  });
});

describe('what cannot be judged', () => {
  it.each<[string, () => readonly string[], number, string]>([
    ['neither a set nor a judge', () => ['eval', 'judge'], 64, 'Give --suite or --judge, and not both.'],
    ['a set without a judge', () => ['eval', 'judge', '--suite', plain], 64, 'The set plain names no judge'],
    ['a judge that is none', () => ['eval', 'judge', '--judge', RELEASE], 1, `${RELEASE} has retrieval`],
    ['a judge that there is not', () => ['eval', 'judge', '--judge', 'none@1.0.0'], 1, 'No release none@1.0.0'],
  ])('is told: %s', async (_, args, exit, says) => {
    const { code, stderr } = await run(...args());
    expect(stderr).toContain(says);
    expect(code).toBe(exit);
  });
});
