// What becomes of a trial that no scorer could decide, by what people and a judge said of it.
import { describe, expect, it } from 'vitest';
import { decided } from '../../../evals/judge/outcome.ts';

const judgement = (passed: boolean | null, fault = '') => ({ runId: 'run_1', passed, fault, costUsd: 0 });

describe('a trial', () => {
  it.each([
    ['unscored', [], undefined, []],
    ['passed', [true], undefined, []],
    ['passed', [], judgement(true), []],
    ['failed', [], judgement(false), []],
    ['unscored', [], judgement(true), ['people marked 0 replies of 30']],
    ['unscored', [], judgement(null, 'why'), []],
    ['failed', [false], judgement(true), []],
    ['failed', [true, false], judgement(true), []],
    ['passed', [true, true], judgement(false), []],
  ] as const)('is %s by marks %j and the judgement %j, with %j missing', (outcome, marks, word, missing) => {
    expect(decided({ marks, judgement: word, missing }).outcome).toBe(outcome);
  });

  it('that people marked says so, whether the judge had a word or none', () => {
    const reasonOf = (passed: boolean | null) =>
      decided({ marks: [false], judgement: judgement(passed, 'it could not be asked'), missing: [] }).verdicts[0]
        ?.reason;
    expect(reasonOf(true)).toBe('it passes, says the judge; people marked it, and that counts');
    expect(reasonOf(null)).toBe('no word of the judge: it could not be asked; people marked it, and that counts');
  });
});
