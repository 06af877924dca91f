// `countersign eval grounding` as people run it.
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { countersign, STACK_FRAME } from '../../support/stack.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const folder = useTempFolder();
const nowhere = { COUNTERSIGN_HOME: folder.file('none') };
const context = 'Refunds are paid within 14 days. The shop in Hamburg is not open on Sundays.';
const PAIRS = [
  { id: 'a', context, claim: 'Refunds are paid within 14 days.', label: 1 },
  { id: 'b', context: ['Nothing of it.', context], claim: 'On Sundays the shop in Hamburg is not open.', label: 1 },
  { id: 3, context, claim: 'Refunds are paid within 30 days.', label: 0 },
  { id: 'd', context, claim: 'The shop in Berlin is open on Sundays.', label: 0 },
];

const pairs = (lines: readonly object[]): string => {
  const path = folder.file('claims.jsonl');
  writeFileSync(path, lines.map((line) => JSON.stringify(line)).join('\n'));
  return path;
};
const evaluate = async (path: string, ...options: readonly string[]) =>
  await countersign(['eval', 'grounding', '--pairs', path, ...options], { env: nowhere });

describe('eval grounding', () => {
  it('measures how well the score parts the labels, and says the score of each pair where it is asked to', async () => {
    const { code, stdout } = await evaluate(pairs(PAIRS), '--json', '--scores');
    expect(code).toBe(0);
    const { scores, ...report } = JSON.parse(stdout) as { scores: { id: string | number; score: number }[] };
    expect(report).toMatchObject({
      v: 1,
      pairs: 4,
      positives: 2,
      auroc: 1,
      best: { balancedAccuracy: 1, sensitivity: 1, specificity: 1 },
    });
    expect(scores.map(({ id }) => id)).toEqual(['a', 'b', 3, 'd']);
    expect(scores[0]).toEqual({ id: 'a', score: 1, label: 1 });
  });

  it('prints the figures for people, without the scores', async () => {
    const { code, stdout } = await evaluate(pairs(PAIRS));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^pairs +4\npositives +2\nAUROC +1\.0000\nbest threshold +0\.\d{4}\n/);
    expect(JSON.parse((await evaluate(pairs(PAIRS), '--json')).stdout)).not.toHaveProperty('scores');
  });

  it('is undecided where a label is missing', async () => {
    const { code, stdout } = await evaluate(pairs(PAIRS.slice(0, 2)), '--json');
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ pairs: 2, positives: 2, auroc: null, best: null });
  });

  it.each([
    { wrong: { ...PAIRS[0], label: 2 }, says: 'line 2: label: ' },
    { wrong: { ...PAIRS[0], context: 7 }, says: 'line 2: context: ' },
    { wrong: { id: 'x', context, label: 1 }, says: 'line 2: claim: ' },
  ])('refuses a line that is none, by file and line: $says', async ({ wrong, says }) => {
    const path = pairs([PAIRS[0] ?? {}, wrong]);
    const { code, stdout, stderr } = await evaluate(path);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain(`${path} ${says}`);
    expect(stderr).not.toMatch(STACK_FRAME);
  });

  it('refuses a file without pairs, and one that is not there', async () => {
    expect(await evaluate(pairs([]))).toMatchObject({ code: 64, stderr: expect.stringContaining('has no pairs') });
    const missing = folder.file('missing.jsonl');
    expect(await evaluate(missing)).toMatchObject({
      code: 64,
      stderr: expect.stringContaining(`Cannot read ${missing}`),
    });
  });
});
