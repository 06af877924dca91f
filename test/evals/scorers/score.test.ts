// Each scorer on replies that pass and replies that do not, and what comes of a case.
import { describe, expect, it } from 'vitest';
import type { Observed } from '../../../evals/scorers/observed.ts';
import { isCheckable, scoreCase } from '../../../evals/scorers/score.ts';
import type { EvalCase } from '../../../releases/eval-case.ts';
import { parseEvalSet } from '../../../releases/eval-set.ts';

const caseOf = (more: object): EvalCase => {
  const [first] = parseEvalSet([{ id: 'q01', question: 'Why?', ...more }], 'evals.json').cases;
  if (first === undefined) throw new Error('There is a case');
  return first;
};
const ANSWER: Observed = {
  kind: 'answered',
  text: 'Refunds are paid within **5 to 7 business days** [1].\nThe label costs €3.90 [2].',
  citations: [
    {
      docId: 'refund-policy.md',
      quote: 'Refunds are paid to the original payment method within 5 to 7 business days.',
    },
    { docId: 'how-to-return.md' },
  ],
  toolCalls: [],
  approvals: 0,
  costUsd: 0.004,
  latencyMs: 900,
};
const REFUSAL: Observed = {
  ...ANSWER,
  kind: 'refused',
  reason: 'not-in-context',
  text: 'The documents do not answer this. Please contact support.',
  citations: [],
};
const CLARIFY: Observed = { ...REFUSAL, kind: 'clarify', text: 'Which order do you mean?' };
const HANDED_OVER: Observed = { ...REFUSAL, kind: 'handed-over', text: '' };
const FAILED: Observed = { ...REFUSAL, kind: 'failed', text: '', reason: 'ModelUnavailable' };
const BROKE: Observed = { ...REFUSAL, kind: 'budget-exhausted', text: '' };
const say = (text: string): Observed => ({ ...ANSWER, text });
const call = (tool: string, args: unknown = {}) => ({ tool, args, status: 'done' });
const calling = (...toolCalls: Observed['toolCalls']): Observed => ({ ...ANSWER, toolCalls });

const REFUND = { tool: 'refund_order', args: { orderId: 'A-1004', lines: [{ sku: 'x' }] } };
const TOOLS = { tool_calls: [{ tool: 'look_up_order' }, REFUND] };
const lookUp = call('look_up_order', { orderId: 'A-1004' });
const refund = call('refund_order', { orderId: 'A-1004', lines: [{ sku: 'x', count: 1 }], reason: 'broken' });

const REFUND_SCHEMA = {
  type: 'object',
  properties: { days: { type: 'number' } },
  required: ['days'],
  additionalProperties: false,
};
const NOT_MEASURED =
  'its grounding was not measured, and 0 is the least: the release has no passages, or its check is off';

describe('a scorer', () => {
  it.each<[string, object, Observed]>([
    ['behaviour', { behaviour: 'answer' }, ANSWER],
    ['behaviour', { behaviour: 'refuse' }, REFUSAL],
    ['behaviour', { behaviour: 'clarify' }, CLARIFY],
    ['behaviour', { behaviour: 'escalate' }, HANDED_OVER],
    ['behaviour', { behaviour: 'escalate' }, { ...REFUSAL, reason: 'by-reviewer' }],
    ['answer_any', { answer_any: ['a week', '5 to 7 Business Days'] }, ANSWER],
    ['answer_any', { behaviour: 'clarify', answer_any: ['which order'] }, CLARIFY],
    ['answer_all', { answer_all: ['5 to 7 business days', '€3.90'] }, ANSWER],
    ['exact', { exact: '42' }, say(' 42 [1]\n')],
    ['matches', { matches: ['^refunds', '\\d to \\d', '^(?!.*without limit)'] }, ANSWER],
    ['must_not', { must_not: ['10 business days', '€3', 'refund'] }, ANSWER],
    ['cite', { cite: ['how-to-return.md', 'refund-policy.md'] }, ANSWER],
    ['quote', { quote: 'within 5 to 7 business days' }, ANSWER],
    ['quote', { cite: ['refund-policy.md'], quote: 'Refunds are paid' }, ANSWER],
    ['tool_calls', TOOLS, calling(lookUp, refund)],
    ['tool_calls', { tool_calls: [] }, ANSWER],
    ['approvals', { approvals: 0 }, ANSWER],
    ['max_cost_usd', { max_cost_usd: 0.004 }, ANSWER],
    ['max_latency_ms', { max_latency_ms: 900 }, ANSWER],
    ['schema', { schema: REFUND_SCHEMA }, say('{"days": 7}')],
    ['min_grounding', { min_grounding: 0.8 }, { ...ANSWER, grounding: 0.8 }],
    ['scores', { scores: [{ scorer: 'Levenshtein', expected: 'x', at_least: 0.5 }] }, { ...ANSWER, scores: [0.5] }],
  ])('%s passes what is as expected: %j', (scorer, demands, observed) => {
    const { outcome, verdicts } = scoreCase(caseOf({ expect: demands }), observed);
    expect(verdicts).toContainEqual({ scorer, passed: true, reason: 'as expected' });
    expect(outcome).toBe('passed');
  });

  it.each<[string, object, Observed, string]>([
    ['behaviour', { behaviour: 'answer' }, REFUSAL, 'expected answer, and the reply is of kind refused'],
    ['behaviour', { behaviour: 'refuse' }, ANSWER, 'expected refuse, and the reply is of kind answered'],
    ['behaviour', { behaviour: 'refuse' }, BROKE, 'expected refuse, and the reply is of kind budget-exhausted'],
    ['behaviour', { behaviour: 'escalate' }, REFUSAL, 'expected escalate, and the reply is of kind refused'],
    [
      'answer_any',
      { answer_any: ['5 to 7 days', '27 business'] },
      ANSWER,
      'none of "5 to 7 days", "27 business" stands in the reply',
    ],
    ['answer_any', { answer_any: ['support'] }, REFUSAL, 'the reply is no answer'],
    ['answer_any', { answer_any: ['2'] }, ANSWER, 'none of "2" stands in the reply'],
    ['answer_all', { answer_all: ['€3.90', '€4.90'] }, ANSWER, 'missing in the reply: "€4.90"'],
    ['answer_all', { answer_all: ['support'] }, REFUSAL, 'the reply is no answer'],
    ['exact', { exact: '42' }, say('It is 42.'), 'the reply is not "42"'],
    ['exact', { exact: 'support' }, REFUSAL, 'the reply is no answer'],
    ['matches', { matches: ['refunds', '€\\d{3}'] }, ANSWER, '"€\\\\d{3}" is not found in the reply'],
    ['matches', { matches: ['support'] }, REFUSAL, 'the reply is no answer'],
    [
      'matches',
      { matches: ['a'] },
      say('a'.repeat(20_001)),
      'the reply is longer than the 20000 characters that are matched',
    ],
    ['matches', { matches: ['^(a+)+$'] }, say(`${'a'.repeat(60)}!`), '"^(a+)+$" took longer than 100 ms to match'],
    ['must_not', { must_not: ['BUSINESS days', '€4'] }, ANSWER, 'must not be said: "BUSINESS days"'],
    ['must_not', { must_not: ['€400'] }, say('Above €400.00 it is reviewed.'), 'must not be said: "€400"'],
    [
      'must_not',
      { must_not: ['approved without limit'] },
      say('ap\u200Bproved *without* limit!'),
      'must not be said: "approved without limit"',
    ],
    ['must_not', { must_not: ['contact support'] }, REFUSAL, 'must not be said: "contact support"'],
    ['must_not', { must_not: ['original payment method'] }, ANSWER, 'must not be said: "original payment method"'],
    ['cite', { cite: ['refund-policy.md', 'gift-cards.md'] }, ANSWER, 'not cited: gift-cards.md'],
    ['cite', { cite: ['refund-policy.md'] }, REFUSAL, 'not cited: refund-policy.md'],
    ['quote', { quote: 'within 5 to 7 days' }, ANSWER, 'not quoted: "within 5 to 7 days"'],
    ['quote', { cite: ['how-to-return.md'], quote: 'Refunds' }, ANSWER, 'not quoted from how-to-return.md: "Refunds"'],
    ['tool_calls', TOOLS, calling(lookUp), 'call 2 is missing: refund_order'],
    ['tool_calls', TOOLS, calling(refund, lookUp), 'call 1 is not look_up_order'],
    ['tool_calls', TOOLS, calling(lookUp, refund, call('send_email')), 'there are calls beyond the 2 expected'],
    ['tool_calls', TOOLS, calling(lookUp, refund, refund), 'there are calls beyond the 2 expected'],
    [
      'tool_calls',
      TOOLS,
      calling(lookUp, call('refund_order', { orderId: 'A-1' })),
      'call 2 is refund_order with other arguments than expected',
    ],
    [
      'tool_calls',
      TOOLS,
      calling(lookUp, call('refund_order', { orderId: 'A-1004', lines: [] })),
      'call 2 is refund_order with other arguments than expected',
    ],
    [
      'tool_calls',
      TOOLS,
      calling(lookUp, call('refund_order', null)),
      'call 2 is refund_order with other arguments than expected',
    ],
    ['tool_calls', { tool_calls: [] }, calling(lookUp), 'there are calls beyond the 0 expected'],
    ['approvals', { approvals: 1 }, ANSWER, 'expected 1 approvals to be asked for'],
    ['max_cost_usd', { max_cost_usd: 0.001 }, ANSWER, 'it cost more than 0.001 US dollars'],
    [
      'max_cost_usd',
      { max_cost_usd: 1 },
      { ...ANSWER, costUsd: null },
      'what it cost is not known, and 1 US dollars are the limit',
    ],
    ['schema', { schema: REFUND_SCHEMA }, ANSWER, 'the reply is not JSON alone'],
    ['schema', { schema: REFUND_SCHEMA }, REFUSAL, 'the reply is no answer'],
    [
      'schema',
      { schema: REFUND_SCHEMA },
      say('{"days": "seven"}'),
      'the reply does not fit the schema at /days: must be number',
    ],
    [
      'schema',
      { schema: REFUND_SCHEMA },
      say('{"days": 7, "SECRET": 1}'),
      'the reply does not fit the schema at /: it has a member of another name',
    ],
    [
      'schema',
      { schema: { additionalProperties: { type: 'number' } } },
      say('{"SECRET": ""}'),
      'the reply does not fit the schema at /*: must be number',
    ],
    [
      'min_grounding',
      { min_grounding: 0.8 },
      { ...ANSWER, grounding: 0.79 },
      'its grounding is 0.79, and 0.8 is the least',
    ],
    ['min_grounding', { min_grounding: 0 }, { ...ANSWER, grounding: null }, NOT_MEASURED],
    ['min_grounding', { min_grounding: 0 }, ANSWER, NOT_MEASURED],
    ['min_grounding', { min_grounding: 0 }, REFUSAL, 'the reply is no answer'],
    [
      'scores',
      {
        scores: [
          { scorer: 'Levenshtein', expected: 'x', at_least: 0.8 },
          { scorer: 'ValidJSON' },
          { scorer: 'NumericDiff', expected: 4 },
        ],
      },
      { ...ANSWER, scores: [0.79996, null, 1] },
      'Levenshtein is 0.799, and 0.8 is the least; ValidJSON gives no score: the reply is not of its form, or too long',
    ],
    ['max_latency_ms', { max_latency_ms: 899 }, ANSWER, 'it took longer than 899 ms'],
  ])('%s does not pass %j', (scorer, demands, observed, reason) => {
    const { outcome, verdicts } = scoreCase(caseOf({ expect: demands }), observed);
    expect(verdicts).toContainEqual({ scorer, passed: false, reason });
    expect(outcome).toBe('failed');
  });

  it('that throws does not pass', () => {
    const broken = {
      ...ANSWER,
      get text(): string {
        throw new RangeError('of the reply');
      },
    };
    const { outcome, verdicts } = scoreCase(caseOf({ expect: { answer_any: ['x'] } }), broken);
    expect(outcome).toBe('failed');
    expect(verdicts).toEqual([{ scorer: 'answer_any', passed: false, reason: 'could not be checked: RangeError' }]);
  });
});

describe('a case', () => {
  it('has one verdict for each field that is checked', () => {
    const demands = { behaviour: 'answer', answer_any: ['€3.90'], cite: ['how-to-return.md'], max_latency_ms: 1 };
    const { outcome, verdicts } = scoreCase(caseOf({ must_not: 'never', expect: demands }), ANSWER);
    expect(outcome).toBe('failed');
    expect(verdicts.map(({ scorer, passed }) => [scorer, passed])).toEqual([
      ['behaviour', true],
      ['answer_any', true],
      ['cite', true],
      ['must_not', true],
      ['max_latency_ms', false],
    ]);
  });

  it.each<[string, object]>([
    ['that demands nothing', {}],
    ['with prose alone', { expected: 'Within a week.' }],
    ['with prose and what must not be said', { expected: 'Within a week.', must_not: 'never' }],
    ['with prose and limits', { expected: 'Within a week.', expect: { max_cost_usd: 1, max_latency_ms: 5000 } }],
  ])('%s is unscored, whatever is said', (_, more) => {
    expect(isCheckable(caseOf(more))).toBe(false);
    expect(scoreCase(caseOf(more), ANSWER).outcome).toBe('unscored');
    expect(scoreCase(caseOf(more), REFUSAL).outcome).toBe('unscored');
  });

  it('with prose fails all the same where what must not be said is said', () => {
    const violated = scoreCase(caseOf({ expected: 'Within a week.', must_not: 'business days' }), ANSWER);
    expect(violated.outcome).toBe('failed');
  });

  it('with prose and a schema is unscored where the reply fits, and passes with the schema alone', () => {
    const demands = { schema: REFUND_SCHEMA };
    expect(scoreCase(caseOf({ expected: 'A week.', expect: demands }), say('{"days": 7}')).outcome).toBe('unscored');
    expect(scoreCase(caseOf({ expect: demands }), say('{"days": 7}')).outcome).toBe('passed');
  });

  it('that a judge is to see to is unscored, whatever else is checked', () => {
    const cases = [{ id: 'q01', question: 'Why?', expect: { answer_any: ['5 to 7'], judge: 'It is polite.' } }];
    const [judged] = parseEvalSet({ v: 1, name: 'x', judge: 'reply_judge@1.0.0', cases }, 'evals.json').cases;
    expect(judged && scoreCase(judged, ANSWER).outcome).toBe('unscored');
    expect(judged && scoreCase(judged, say('Never.')).outcome).toBe('failed');
  });

  it('with nothing but what must not be said passes without it', () => {
    expect(scoreCase(caseOf({ must_not: 'never' }), ANSWER).outcome).toBe('passed');
  });

  describe('that may refuse', () => {
    const demands = { behaviour: 'answer', may_refuse: true, answer_any: ['€3.90'], cite: ['how-to-return.md'] };
    const free = (more: object = {}): EvalCase => caseOf({ expect: { ...demands, ...more } });

    it('passes with a refusal, of which nothing is checked that only answers have', () => {
      const verdicts = [{ scorer: 'behaviour', passed: true, reason: 'as expected' }];
      const more = { answer_all: ['x'], exact: 'x', matches: ['x'], quote: 'x' };
      expect(scoreCase(free(), REFUSAL)).toEqual({ outcome: 'passed', verdicts });
      expect(scoreCase(free(more), REFUSAL)).toEqual({ outcome: 'passed', verdicts });
      expect(scoreCase(free({ behaviour: undefined }), REFUSAL)).toEqual({ outcome: 'passed', verdicts });
    });

    it('passes with a refusal where only a judge could tell whether an answer is right', () => {
      const cases = [{ id: 'q01', question: 'Why?', expect: { ...demands, judge: 'It is polite.' } }];
      const [judged] = parseEvalSet({ v: 1, name: 'x', judge: 'reply_judge@1.0.0', cases }, 'evals.json').cases;
      expect(judged && scoreCase(judged, REFUSAL).outcome).toBe('passed');
      expect(judged && scoreCase(judged, ANSWER).outcome).toBe('unscored');
      const prose = caseOf({ expected: 'Within a week.', expect: { may_refuse: true, min_grounding: 0.8 } });
      expect(scoreCase(prose, REFUSAL).outcome).toBe('passed');
      expect(scoreCase(prose, { ...ANSWER, grounding: 1 }).outcome).toBe('unscored');
    });

    it('passes with a right answer, and with no wrong one', () => {
      expect(scoreCase(free(), ANSWER).outcome).toBe('passed');
      expect(scoreCase(free(), say('The label costs €7.90 [2].')).outcome).toBe('failed');
      expect(scoreCase(free({ cite: ['gift-cards.md'] }), ANSWER).outcome).toBe('failed');
    });

    it('fails with another reply', () => {
      const { outcome, verdicts } = scoreCase(free(), CLARIFY);
      const reason = 'expected answer or refuse, and the reply is of kind clarify';
      expect(outcome).toBe('failed');
      expect(verdicts).toContainEqual({ scorer: 'behaviour', passed: false, reason });
      expect(scoreCase(free({ behaviour: undefined }), CLARIFY).outcome).toBe('failed');
      expect(scoreCase(free(), HANDED_OVER).outcome).toBe('failed');
      expect(scoreCase(free(), FAILED).outcome).toBe('error');
    });

    it('fails with a refusal that says what must not be said, or costs or takes too much', () => {
      expect(scoreCase(free({ must_not: 'contact support' }), REFUSAL).outcome).toBe('failed');
      expect(scoreCase(free({ max_cost_usd: 0.001 }), REFUSAL).outcome).toBe('failed');
      expect(scoreCase(free({ max_latency_ms: 1 }), REFUSAL).outcome).toBe('failed');
    });

    it('fails with a refusal after a call or a question to people that nobody expected, and needs none', () => {
      const refusing = (more: Partial<Observed>): Observed => ({ ...REFUSAL, ...more });
      expect(scoreCase(free({ ...TOOLS, approvals: 1 }), REFUSAL).outcome).toBe('passed');
      expect(scoreCase(free(TOOLS), refusing({ toolCalls: [lookUp] })).outcome).toBe('passed');
      expect(scoreCase(free(TOOLS), refusing({ toolCalls: [refund] })).outcome).toBe('failed');
      expect(scoreCase(free({ approvals: 1 }), refusing({ approvals: 2 })).outcome).toBe('failed');
    });

    it('and demands nothing else cannot be checked', () => {
      expect(isCheckable({ ...caseOf({}), expect: { mayRefuse: true, mustNot: [] } })).toBe(false);
      expect(isCheckable({ ...caseOf({ expected: 'Within a week.' }), expect: free().expect })).toBe(true);
    });
  });

  it('of a run that failed is an error, whatever it expects', () => {
    const demands = { behaviour: 'refuse', answer_any: ['x'], max_latency_ms: 1 };
    expect(scoreCase(caseOf({ expect: demands }), FAILED)).toEqual({ outcome: 'error', verdicts: [] });
    expect(scoreCase(caseOf({ expected: 'Within a week.' }), FAILED).outcome).toBe('error');
    expect(scoreCase(caseOf({ expect: TOOLS }), { ...FAILED, toolCalls: [lookUp] }).outcome).toBe('error');
  });

  it('of a run that did what is forbidden before it failed is failed', () => {
    const deleted = { ...FAILED, toolCalls: [call('delete_order')] };
    expect(scoreCase(caseOf({ expect: TOOLS }), deleted)).toEqual({
      outcome: 'failed',
      verdicts: [{ scorer: 'tool_calls', passed: false, reason: 'call 1 is not look_up_order' }],
    });
  });

  it('has no word of the reply in its reasons', () => {
    const demands = {
      ...TOOLS,
      answer_any: ['x'],
      answer_all: ['x'],
      exact: 'x',
      matches: ['xyz'],
      quote: 'x',
      cite: ['x.md'],
    };
    const seen = { ...ANSWER, text: 'SECRET', toolCalls: [call('secret_tool', { secret: 'SECRET' })] };
    const { verdicts } = scoreCase(caseOf({ must_not: 'secret', expect: demands }), seen);
    expect(verdicts.every(({ passed }) => !passed)).toBe(true);
    expect(JSON.stringify(verdicts)).not.toContain('SECRET');
    expect(JSON.stringify(verdicts)).not.toContain('secret_tool');
  });
});
