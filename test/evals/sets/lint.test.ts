// Each kind of finding on a set that has it, and none on one that has not.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FindingKind } from '../../../evals/sets/lint.ts';
import { KNOWN_TAGS, lintSet } from '../../../evals/sets/lint.ts';
import { parseEvalSet, readEvalSet } from '../../../releases/eval-set.ts';
import { SAMPLE_DOCUMENTS } from '../../support/engine.ts';

const checked = { behaviour: 'refuse' };
const setOf = (cases: readonly object[]) =>
  parseEvalSet(
    cases.map((more, at) => ({ id: `q${at}`, question: `Question of number ${at}?`, expect: checked, ...more })),
    'evals.json',
  );
const findingsOf = (cases: readonly object[], kind: FindingKind, documents: readonly string[] = []) =>
  lintSet(setOf(cases), { documents: documents.map((text, at) => ({ id: `${at}.md`, text })) })
    .findings.filter((finding) => finding.kind === kind)
    .map(({ level, cases: ids, detail }) => [level, ids.join(' '), detail]);

const LABEL = 'What does a return label cost in Ireland?';
const answering = (text: string) => ({ behaviour: 'answer', answer_any: [text] });

describe('it finds', () => {
  it('a case that is there twice, whatever its id, tags and punctuation', () => {
    const cases = [
      { question: LABEL },
      { question: 'What does a return label cost, in Ireland', tags: ['direct'] },
      {},
    ];
    expect(findingsOf(cases, 'duplicate-case')).toEqual([
      ['error', 'q0 q1', 'the same question with the same demands counts twice: leave one out'],
    ]);
    expect(findingsOf(cases, 'near-duplicate')).toEqual([]);
  });

  it('one question with two right answers', () => {
    const cases = [
      { question: LABEL, cluster: 'labels', expect: answering('€3.90') },
      { question: LABEL, cluster: 'labels', expect: answering('€7.90') },
    ];
    expect(findingsOf(cases, 'near-duplicate')).toEqual([
      ['warning', 'q0 q1', 'the same question with other demands: make one case of them'],
    ]);
  });

  it('questions that are almost the same, unless they are one cluster', () => {
    const [one, two] = [{ question: LABEL }, { question: 'So what does a return label cost in Ireland?' }];
    expect(findingsOf([one, two], 'near-duplicate')).toEqual([
      ['warning', 'q0 q1', '72.7 % of their word pairs are the same: give them one cluster, or leave one out'],
    ]);
    expect(
      findingsOf(
        [one, two].map((each) => ({ ...each, cluster: 'labels' })),
        'near-duplicate',
      ),
    ).toEqual([]);
    expect(findingsOf([one, { question: 'What does a gift card cost in Norway?' }], 'near-duplicate')).toEqual([]);
  });

  it('questions that stand in a document', () => {
    const page = `# Questions\n\n**${LABEL.toUpperCase()}**\nIt costs €3.90.`;
    expect(findingsOf([{ question: LABEL }, {}], 'question-in-document', ['Nothing.', page])).toEqual([
      ['warning', 'q0', 'the question stands in 1.md word for word, where it is easier to find than as people ask it'],
    ]);
    expect(findingsOf([{ question: 'What is it?' }], 'question-in-document', ['What is it?'])).toEqual([]);
    expect(findingsOf([{ question: LABEL }], 'question-in-document', ['What does a return label cost?'])).toEqual([]);
  });

  it('a document that is the set', () => {
    const cases = [
      { question: LABEL, expected: 'A return label costs €3.90.' },
      { expected: 'No, it is not refunded.' },
    ];
    const leaked = findingsOf(cases, 'case-in-document', [JSON.stringify(cases), 'A return label costs €3.90.']);
    expect(leaked).toEqual([
      ['error', 'q0', 'the question and its right answer stand in 0.md word for word: to find them there is no feat'],
    ]);
    expect(findingsOf(cases, 'question-in-document', [JSON.stringify(cases)])).toEqual([]);
  });

  it('cases that can never pass: an error where all are so', () => {
    const prose = { expected: 'It costs €3.90.', expect: {}, must_not: 'nothing' };
    expect(findingsOf([prose, {}], 'nothing-checkable').map(([level, ids]) => [level, ids])).toEqual([
      ['warning', 'q0'],
    ]);
    expect(findingsOf([prose, prose], 'nothing-checkable').map(([level, ids]) => [level, ids])).toEqual([
      ['error', 'q0 q1'],
    ]);
  });

  it('no case that a judge can pass, and still one that nobody can', () => {
    const cases = [
      { id: 'prose', question: LABEL, expected: 'It costs €3.90.' },
      { id: 'idle', question: 'Why?' },
    ];
    const { findings, provableRate } = lintSet(
      parseEvalSet({ v: 1, name: 'judged', judge: 'reply_judge@1.0.0', cases }, 'evals.json'),
    );
    expect(findings.filter(({ kind }) => kind === 'nothing-checkable')).toMatchObject([{ cases: ['idle'] }]);
    expect(provableRate).toBeGreaterThan(0);
  });

  it('answers of which nothing is checked', () => {
    const cases = [
      { expect: { behaviour: 'answer', max_latency_ms: 5000 }, must_not: 'x' },
      { expect: answering('x') },
    ];
    expect(findingsOf(cases, 'answer-unchecked')).toEqual([
      ['warning', 'q0', '1 case of behaviour answer would pass with any answer: add answer_any, cite or quote'],
    ]);
  });

  it('fewer than twenty cases, and what they prove at best', () => {
    const many = Array.from({ length: 20 }, () => ({}));
    expect(findingsOf(many.slice(1), 'few-cases')).toEqual([
      ['warning', '', '19 cases: if all pass, that proves a pass rate of 87.5 % at best; 20 prove 88.1 %'],
    ]);
    expect(findingsOf(many, 'few-cases')).toEqual([]);
  });

  it('kinds of questions that are missing', () => {
    expect(findingsOf([{ tags: ['direct', 'messy', 'returns'] }], 'missing-tag')).toEqual(
      ['unknown', 'ambiguous', 'injection', 'confidential'].map((tag) => ['warning', '', `no case is tagged ${tag}`]),
    );
    expect(findingsOf([{ tags: [...KNOWN_TAGS] }], 'missing-tag')).toEqual([]);
  });

  it('tags with too few cases to say anything', () => {
    const tagged = (tag: string, count: number) => Array.from({ length: count }, () => ({ tags: [tag] }));
    expect(findingsOf([...tagged('direct', 10), ...tagged('messy', 2)], 'small-tag')).toEqual([
      ['warning', 'q10 q11', 'messy has 2 cases: if all pass, that proves a pass rate of 42.5 % at best'],
    ]);
  });
});

it('says what pass rate a set can prove at best, by the cases that can pass', () => {
  const prose = { expected: 'It costs €3.90.', expect: {} };
  expect(lintSet(setOf(Array.from({ length: 100 }, () => ({})))).provableRate).toBeCloseTo(0.9737, 4);
  expect(lintSet(setOf([{}, prose])).provableRate).toBeCloseTo(0.2699, 4);
  expect(lintSet(setOf([prose])).provableRate).toBe(0);
});

it('lists errors first', () => {
  const levels = lintSet(setOf([{ question: LABEL }, { question: LABEL }, {}])).findings.map(({ level }) => level);
  expect(levels).toEqual([...levels].sort());
  expect(new Set(levels).size).toBe(2);
});

it('takes a thousand cases and a million words in seconds', () => {
  const cases = Array.from({ length: 1000 }, (_, at) => ({
    question: `What does the item with the number ${at} cost?`,
  }));
  const text = 'what does the item with the number of the shop cost '.repeat(90_000);
  const began = performance.now();
  lintSet(setOf(cases), { documents: [{ id: 'a.md', text }] });
  expect(performance.now() - began).toBeLessThan(10_000);
});

it("finds nothing wrong with the sample release's set", () => {
  const documents = readdirSync(SAMPLE_DOCUMENTS).map((id) => ({
    id,
    text: readFileSync(join(SAMPLE_DOCUMENTS, id), 'utf8'),
  }));
  const { findings, provableRate } = lintSet(readEvalSet('releases/support_refund_answer/evals.json'), { documents });
  expect(findings).toEqual([]);
  expect(provableRate).toBeGreaterThan(0.97);
});
