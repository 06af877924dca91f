// The heuristic scorers of autoevals as cases ask for them: what each compares, and what no score comes of.
import { describe, expect, it } from 'vitest';
import { requireScorers, scoresOf } from '../../../evals/scorers/auto.ts';
import type { EvalCase } from '../../../releases/eval-case.ts';
import { parseEvalSet } from '../../../releases/eval-set.ts';

const caseOf = (...scores: readonly object[]): EvalCase => {
  const [first] = parseEvalSet([{ id: 'q01', question: 'Why?', expect: { scores } }], 'evals.json').cases;
  if (first === undefined) throw new Error('There is a case');
  return first;
};
const scored = async (score: object, reply: string) => (await scoresOf(caseOf(score), reply))[0];

describe('a score', () => {
  it.each<[string, unknown, string, number]>([
    ['Levenshtein', 'kitten', 'sitting [1]', 1 - 3 / 7],
    ['Levenshtein', 'the same', 'the  same', 1],
    ['NumericDiff', 4, '3', 1 - 1 / 7],
    ['NumericDiff', 0, '0', 1],
    ['JSONDiff', { a: 1, b: 'x' }, '{"a": 1, "b": "y"}', 0.5],
    ['JSONDiff', [1, 2, 3, 4], '[1, 2, 3]', 0.75],
    ['ListContains', ['red', 'blue'], '["blue", "red"]', 1],
    ['ListContains', ['red', 'blue'], '["red"]', 0.5],
    ['ExactMatch', { a: 1 }, '{ "a": 1 }', 1],
    ['ExactMatch', 'yes', 'no', 0],
    ['ValidJSON', undefined, '{"a": 1}', 1],
    ['ValidJSON', undefined, 'no JSON', 0],
    ['JSONDiff', { days: [7] }, '{"days": [7]}', 1],
    ['JSONDiff', { say: 'a  b' }, '{"say": "a  b"}', 1],
    ['JSONDiff', { a: 1 }, '{"a": 1} [1]', 1],
    ['ListContains', ['see [1]'], '["see [1]"]', 1],
    ['ExactMatch', [7], '[7]', 1],
    ['ValidJSON', undefined, '[7]', 1],
    ['ExactMatch', 'One line,\nand another.', 'One line,\nand another. [1]', 1],
    ['Levenshtein', 'one  two [1]', 'one two', 1],
  ])('of %s is 0 to 1: %j and %j', async (scorer, expected, reply, score) => {
    expect(await scored({ scorer, ...(expected !== undefined && { expected }) }, reply)).toBeCloseTo(score, 10);
  });

  it.each<[string, string, unknown, string]>([
    ['is no number', 'NumericDiff', 4, 'four'],
    ['says more than a number', 'NumericDiff', 4, '4 days'],
    ['is no number that there is', 'NumericDiff', 4, '1e999'],
    ['is no JSON', 'JSONDiff', {}, 'none'],
    ['is nested without end', 'JSONDiff', {}, '['.repeat(20_000)],
    ['is no list', 'ListContains', ['a'], '{"a": 1}'],
    ['is no list of texts', 'ListContains', ['a'], '[1]'],
    ['has more items than are compared', 'ListContains', ['a'], JSON.stringify(new Array(201).fill('a'))],
    ['is longer than what is compared', 'Levenshtein', 'a', 'a'.repeat(20_001)],
  ])('is none where the reply %s', async (_, scorer, expected, reply) => {
    expect(await scored({ scorer, expected }, reply)).toBeNull();
  });

  it('is taken for each, in the order of the case', async () => {
    const both = caseOf({ scorer: 'ValidJSON' }, { scorer: 'ExactMatch', expected: 'x' });
    expect(await scoresOf(both, 'x')).toEqual([0, 1]);
  });

  it('is asked for before anything else is, and only where a case has one', async () => {
    await requireScorers([caseOf({ scorer: 'ValidJSON' })]);
    await requireScorers(parseEvalSet([{ id: 'q01', question: 'Why?' }], 'evals.json').cases);
  });
});
