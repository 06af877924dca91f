// `countersign eval answers` as people run it, each question a run on a stack that `dev` started: figures, table, aims and exit codes.
import { mkdirSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { countersign, useStack } from '../../support/stack.ts';

const stack = useStack();

const QUESTIONS = [
  { id: 'right', question: 'How many bells does the mill have?', answers: ['seven'], answerable: true },
  { id: 'wrong', question: 'When was the mill opened?', answers: ['1850'], answerable: true },
  { id: 'unchecked', question: 'Which miller opened the mill?', answers: [], answerable: true },
  { id: 'missed', question: 'What did the architect dream of?', answers: ['cake'], answerable: true },
  { id: 'refused', question: 'Who won the cycling race in Peru?', answers: [], answerable: false },
  { id: 'made-up', question: 'When was the mill opened?', answers: [], answerable: false },
];

// Many commands, and each is a process: on a busy machine that takes its time.
describe('eval answers', { timeout: 120_000 }, () => {
  let set: string;
  beforeAll(async () => {
    const folder = stack.folder.file('mills');
    mkdirSync(folder);
    writeFileSync(
      `${folder}/mill.md`,
      '# Mill\n\nThe mill was opened by the miller in 1790.\n\nThe mill has seven bells.',
    );
    set = stack.folder.file('questions.jsonl');
    writeFileSync(set, QUESTIONS.map((question) => `${JSON.stringify(question)}\n`).join(''));
    expect((await stack.run(['ingest', folder, '--collection', 'mills'])).code).toBe(0);
  });
  const evaluate = async (...args: string[]) =>
    await stack.run(['eval', 'answers', '--set', set, '--collection', 'mills', ...args]);

  it('counts what the sample release answers, answers right and refuses, with progress on stderr', async () => {
    const { code, stdout, stderr } = await evaluate('--json');
    expect(JSON.parse(stdout)).toMatchObject({
      set: 'questions.jsonl',
      collection: 'mills',
      release: 'support_refund_answer',
      v: 1,
      questions: 6,
      answerable: {
        all: 4,
        answered: 3,
        answeredShare: 0.75,
        checked: 3,
        right: 1,
        wrong: 1,
        wrongShare: 0.25,
      },
      unanswerable: { all: 2, answered: 1, answeredShare: 0.5 },
      failed: {},
      wrong: ['wrong', 'made-up'],
    });
    const { refused, p50Ms } = JSON.parse(stdout) as { refused: Record<string, number>; p50Ms: number };
    expect(Object.values(refused).reduce((sum, count) => sum + count, 0)).toBe(2);
    expect(p50Ms).toBeGreaterThan(0);
    expect(stderr).toContain('questions.jsonl: asking (100 %)');
    expect(code).toBe(0);
  });

  it('says by its exit code whether aims are met, in a table for people', async () => {
    const met = await evaluate('--min-answered', '0.75', '--max-wrong', '0.5');
    expect(met.stdout).toMatch(/^answerable, answered +3 of 4 +75\.0 %$/m);
    expect(met.stdout).toMatch(/^unanswerable, answered +1 of 2 +50\.0 %$/m);
    expect(met.stdout).toMatch(/^wrong: wrong, made-up$/m);
    expect(met.code).toBe(0);
    expect((await evaluate('--min-answered', '0.76')).code).toBe(1);
    expect((await evaluate('--max-wrong', '0.4')).code).toBe(1);
  });

  it('is undecided where questions could not be asked, or an aim has nothing to be measured by', async () => {
    const denied = await evaluate('--as', 'suspended', '--json');
    expect(JSON.parse(denied.stdout)).toMatchObject({ failed: { 'policy-denied': 6 }, refused: {} });
    expect(denied.code).toBe(2);
    const only = stack.folder.file('answerable.jsonl');
    writeFileSync(only, JSON.stringify(QUESTIONS[0]));
    expect(
      (await stack.run(['eval', 'answers', '--set', only, '--collection', 'mills', '--max-wrong', '0.1'])).code,
    ).toBe(2);
  });

  it('refuses what cannot be read by file and line, and shares that are none', async () => {
    const bad = stack.folder.file('bad.jsonl');
    writeFileSync(bad, `${JSON.stringify(QUESTIONS[0])}\n{"id": 7}\n`);
    const { code, stderr } = await countersign(['eval', 'answers', '--set', bad, '--collection', 'mills']);
    expect(stderr).toContain(`${bad} line 2: id: `);
    expect(code).toBe(64);
    expect((await evaluate('--max-wrong', '5')).code).toBe(64);
    expect((await evaluate('--concurrency', '0')).code).toBe(64);
  });
});
