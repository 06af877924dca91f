// How sets are read: the form of articles, the form of its own and the first one, and what is said of a set that is malformed.
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseEvalSet, readEvalSet } from '../../../releases/eval-set.ts';
import { UserError } from '../../../runtime/errors.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const folder = useTempFolder();
const only = (value: unknown) => parseEvalSet({ v: 1, name: 'mine', cases: [value] }, 'evals.json').cases[0];
const fault = (content: unknown): string => {
  try {
    parseEvalSet(content, 'evals.json');
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error('It was read');
};
const faultOf = (more: object): string => fault([{ id: 'q01', question: 'Why?', ...more }]);

describe('the form that articles have', () => {
  const cases = [
    {
      id: 'q001',
      question: 'Can I return an item after 45 days?',
      expected: 'No. Items can be returned within 30 days of delivery.',
      must_not: 'yes, within 45 days',
    },
    { id: 'q002', question: 'Who pays?', expected: 'The customer.', must_not: ['the shop', 'nobody'] },
    { id: 'q003', question: 'When?', expected: 'Within a week.', must_not: '' },
    { id: 'q004', question: 'Where?', expected: 'In a store.' },
  ];

  it('loads as it is, as an array and under cases', () => {
    const set = parseEvalSet(cases, 'some/returns.json');
    expect(set.name).toBe('returns');
    expect(set.cases[0]).toEqual({
      id: 'q001',
      question: 'Can I return an item after 45 days?',
      tags: [],
      severity: 'major',
      cluster: 'q001',
      trials: 1,
      expected: 'No. Items can be returned within 30 days of delivery.',
      expect: { mustNot: ['yes, within 45 days'] },
    });
    expect(set.cases.map(({ expect: { mustNot } }) => mustNot.length)).toEqual([1, 2, 0, 0]);
    expect(parseEvalSet({ cases }, 'returns.json').cases).toEqual(set.cases);
    expect(parseEvalSet({ name: 'refunds', cases }, 'returns.json').name).toBe('refunds');
  });

  it('loads from a file, with the digest of its content and not of its layout', () => {
    const [first, second] = [folder.file('a.json'), folder.file('b.json')];
    writeFileSync(first, JSON.stringify(cases));
    writeFileSync(second, `\uFEFF${JSON.stringify(cases, null, 4)}`);
    expect(readEvalSet(first).digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(readEvalSet(second).digest).toBe(readEvalSet(first).digest);
    expect(parseEvalSet(cases.slice(1), 'a.json').digest).not.toBe(readEvalSet(first).digest);
  });
});

it('a case of the form with v and name has all that can be checked', () => {
  expect(
    only({
      id: 'q01',
      question: ' Refund it? ',
      tags: ['direct', 'of-our-own'],
      severity: 'critical',
      cluster: 'refunds',
      trials: 3,
      expected: 'It is refunded.',
      must_not: ['at once'],
      expect: {
        behaviour: 'answer',
        may_refuse: true,
        answer_any: ['refunded', 'paid back'],
        answer_all: ['7 days'],
        exact: 'It is refunded.',
        matches: ['A-\\d{4}'],
        must_not: ['at once', 'never'],
        cite: ['refund-policy.md'],
        quote: 'Refunds are paid.',
        max_cost_usd: 0.01,
        max_latency_ms: 5000,
        tool_calls: [{ tool: 'refund_order', args: { orderId: 'A-1004' } }, { tool: 'send_email' }],
        approvals: 1,
      },
    }),
  ).toEqual({
    id: 'q01',
    question: 'Refund it?',
    tags: ['direct', 'of-our-own'],
    severity: 'critical',
    cluster: 'refunds',
    trials: 3,
    expected: 'It is refunded.',
    expect: {
      behaviour: 'answer',
      mayRefuse: true,
      answerAny: ['refunded', 'paid back'],
      answerAll: ['7 days'],
      exact: 'It is refunded.',
      matches: ['A-\\d{4}'],
      mustNot: ['at once', 'never'],
      cite: ['refund-policy.md'],
      quote: 'Refunds are paid.',
      maxCostUsd: 0.01,
      maxLatencyMs: 5000,
      toolCalls: [{ tool: 'refund_order', args: { orderId: 'A-1004' } }, { tool: 'send_email' }],
      approvals: 1,
    },
  });
});

it('a case that may not refuse says so with false, or not at all', () => {
  const demands = { behaviour: 'answer', answer_any: ['refunded'] };
  const plain = only({ id: 'q01', question: 'Why?', expect: demands });
  expect(only({ id: 'q01', question: 'Why?', expect: { ...demands, may_refuse: false } })).toEqual(plain);
});

it('a case of the first form says the same in the words of today', () => {
  const expected = { kind: 'answered', doc_id: 'gift-cards.md', quote: 'A gift card is valid for 3 years.' };
  expect(only({ id: 'q04', question: 'How long?', expected, must_not: ['12 months'] })).toMatchObject({
    expected: null,
    expect: {
      behaviour: 'answer',
      cite: ['gift-cards.md'],
      quote: 'A gift card is valid for 3 years.',
      mustNot: ['12 months'],
    },
  });
  expect(only({ id: 'q07', question: 'Why?', expected: { kind: 'refused' } })?.expect).toEqual({
    behaviour: 'refuse',
    mustNot: [],
  });
});

describe('a set is refused', () => {
  it.each<[string, unknown, string]>([
    ['that is no set', 'cases', 'evals.json is malformed: (top level): expected cases, or an object that has them'],
    ['of another version', { v: 2, name: 'x', cases: [] }, 'v: expected 1'],
    ['without a name', { v: 1, cases: [] }, 'name: expected a name'],
    ['without cases', { v: 1, name: 'x' }, 'cases: expected an array'],
    ['with no case', { v: 1, name: 'x', cases: [] }, 'cases: there are none'],
    ['that is an empty array', [], 'cases: there are none'],
    [
      'with a field that nobody knows',
      { v: 1, name: 'x', case: [], cases: [] },
      'case: there is no such field; there are v, name, judge, cases',
    ],
    ['with a judge that is no release', { v: 1, name: 'x', judge: 'A judge!', cases: [] }, 'judge: expected a release'],
    [
      'with something to judge and no judge',
      [{ id: 'q01', question: 'Why?', expect: { judge: 'It is polite.' } }],
      'cases.0 ("q01").expect.judge: the set names no judge',
    ],
    ['with a case that is none', ['why?'], 'cases.0: Invalid input'],
    ['with a case without an id', [{ question: 'Why?' }], 'cases.0.id: '],
    ['with a case without a question', [{ id: 'q01' }], 'cases.0 ("q01").question: '],
    [
      'with two cases of one id',
      ['q01', 'q02', 'q01'].map((id) => ({ id, question: 'Why?' })),
      'cases.2.id: "q01" is that of cases.0, too',
    ],
  ])('%s', (_, content, says) => {
    expect(fault(content)).toContain(says);
  });

  it.each<[string, object, string]>([
    ['an unknown field', { musn_not: 'x' }, 'there is no musn_not; there are id, question, tags, severity, cluster'],
    [
      'an unknown scorer',
      { expect: { answer: ['x'] } },
      'cases.0 ("q01").expect: there is no answer; there are behaviour, may_refuse, answer_any, answer_all, exact, matches',
    ],
    [
      'a scorer that is not offered',
      { expect: { scores: [{ scorer: 'Factuality', expected: 'x' }] } },
      'expect.scores.0.scorer: there is no scorer Factuality; there are Levenshtein, NumericDiff',
    ],
    [
      'a score of what it cannot compare',
      { expect: { scores: [{ scorer: 'NumericDiff', expected: '1', at_least: 0.5 }] } },
      'expect.scores.0.expected: Invalid input: expected number',
    ],
    [
      'a score that every reply reaches',
      { expect: { scores: [{ scorer: 'Levenshtein', expected: 'x', at_least: 0 }] } },
      'expect.scores.0.at_least: ',
    ],
    [
      'a schema that cannot be enforced',
      { expect: { schema: { type: 'object', minimumLength: 3 } } },
      'expect.schema: cannot be enforced: strict mode: unknown keyword: "minimumLength"',
    ],
    [
      'grounds for what is no answer',
      { expect: { behaviour: 'refuse', min_grounding: 0.5 } },
      'expect.min_grounding: only an answer rests on documents, and behaviour is refuse',
    ],
    [
      'an unknown field of a call',
      { expect: { tool_calls: [{ tool: 'a', arg: {} }] } },
      'there is no arg; there are tool, args',
    ],
    [
      'an unknown field of the first form',
      { expected: { kind: 'answered', doc: 'x' } },
      'there is no doc; there are kind, doc_id, quote',
    ],
    ['the first form beside expect', { expected: { kind: 'answered' }, expect: {} }, 'there is no expect'],
    ['an unknown behaviour', { expect: { behaviour: 'answered' } }, 'cases.0 ("q01").expect.behaviour: '],
    [
      'an expression that is none',
      { expect: { matches: ['ok', '(a'] } },
      'cases.0 ("q01").expect.matches.1: Invalid regular',
    ],
    [
      'an expression that nobody can read',
      { expect: { matches: ['a'.repeat(501)] } },
      'cases.0 ("q01").expect.matches.0: ',
    ],
    ['no trial', { trials: 0 }, 'cases.0 ("q01").trials: '],
    ['too many trials', { trials: 21 }, 'cases.0 ("q01").trials: '],
    ['half a trial', { trials: 1.5 }, 'cases.0 ("q01").trials: '],
    ['an unknown severity', { severity: 'blocker' }, 'cases.0 ("q01").severity: '],
    ['a tag twice', { tags: ['direct', 'direct'] }, 'a tag is there twice'],
    ['a span that says nothing', { expect: { answer_any: ['the …'] } }, 'says nothing'],
    ['something forbidden that says nothing', { must_not: ['€'] }, 'cases.0 ("q01").must_not.0: says nothing'],
    ['no span', { expect: { answer_any: [] } }, 'cases.0 ("q01").expect.answer_any: '],
    [
      'a refusal that cites',
      { expect: { behaviour: 'refuse', cite: ['a.md'] } },
      'expect.cite: only an answer rests on documents, and behaviour is refuse',
    ],
    ...['refuse', 'clarify', 'escalate'].map((behaviour): [string, object, string] => [
      `behaviour ${behaviour} that may refuse`,
      { expect: { behaviour, may_refuse: true, answer_any: ['x'] } },
      `expect.may_refuse: goes with behaviour answer or none, and behaviour is ${behaviour}`,
    ]),
    ...[{}, { behaviour: 'answer' }, { must_not: 'x' }, { max_cost_usd: 1, approvals: 0, tool_calls: [] }].map(
      (others): [string, object, string] => [
        `${JSON.stringify(others)} that may refuse`,
        { expect: { ...others, may_refuse: true } },
        'expect.may_refuse: an answer is held against nothing: add answer_any, answer_all, exact, matches, cite, quote, schema',
      ],
    ),
    ['a refusal that is perhaps free', { expect: { may_refuse: 'yes', answer_any: ['x'] } }, 'expect.may_refuse: '],
    ['a negative cost', { expect: { max_cost_usd: -1 } }, 'cases.0 ("q01").expect.max_cost_usd: '],
  ])('with %s', (_, more, says) => {
    expect(faultOf(more)).toContain(says);
  });

  it('with its first faults named and the others counted', () => {
    const cases = Array.from({ length: 30 }, (_, at) => ({ id: `q${at}` }));
    expect(fault(cases)).toMatch(/cases\.9 \("q9"\)\.question.*; and 20 more$/);
  });

  it('that cannot be read, by its path', () => {
    expect(() => readEvalSet(folder.file('none.json'))).toThrow(/^Cannot read .*none\.json/);
    writeFileSync(folder.file('half.json'), '[{');
    expect(() => readEvalSet(folder.file('half.json'))).toThrow('half.json is not JSON');
  });
});
