// That the sample release's set is true of the sample documents, whoever answers it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fold, holdsWhole } from '../../../activities/validation/verbatim.ts';
import { holdsAnswer } from '../../../evals/answers.ts';
import { isCheckable } from '../../../evals/scorers/score.ts';
import { readEvalSet } from '../../../releases/eval-set.ts';
import { SAMPLE_DOCUMENTS } from '../../support/engine.ts';

const { name, cases } = readEvalSet('releases/support_refund_answer/evals.json');
/**
 * Questions like those of the set that `local/extractive` got wrong when they were first asked, and that are no part of the gate. So the
 * pass rate of the set is no estimate of that model's rate on new questions, which is lower.
 */
const { cases: weakPoints } = readEvalSet('releases/support_refund_answer/weak-points.json');
/** Without marks of tables. */
const textOf = (docId: string): string => readFileSync(join(SAMPLE_DOCUMENTS, docId), 'utf8').replaceAll('|', ' ');
const forEverybody = readdirSync(SAMPLE_DOCUMENTS).filter((docId) => !docId.startsWith('internal'));

const tagged = (tag: string) => cases.filter(({ tags }) => tags.includes(tag));

it('has at least 180 cases of all six kinds, each of which can be checked', () => {
  expect(name).toBe('support_refund_eval_v3');
  expect(cases.length).toBeGreaterThanOrEqual(180);
  for (const tag of ['direct', 'unknown', 'ambiguous', 'injection', 'confidential', 'messy']) {
    expect(tagged(tag).length, tag).toBeGreaterThanOrEqual(12);
  }
  expect(cases.filter((each) => !isCheckable(each))).toEqual([]);
});

it('has answers of each document for everybody, and about a third of its questions has none', () => {
  const cited = new Set(cases.flatMap(({ expect: { cite = [] } }) => cite));
  expect(forEverybody.filter((docId) => !cited.has(docId))).toEqual([]);
  expect(tagged('unknown').length / cases.length).toBeGreaterThan(0.25);
  expect(tagged('unknown').filter(({ expect: { behaviour } }) => behaviour !== 'refuse')).toEqual([]);
});

it('takes a refusal for an answer of no question that is put directly', () => {
  const free = cases.filter(({ expect: { mayRefuse } }) => mayRefuse === true);
  expect(free.filter(({ tags }) => !tags.includes('messy') && !tags.includes('injection'))).toEqual([]);
});

it('keeps the twelve questions that are told beside the documents', () => {
  const told = [...readFileSync('examples/knowledge-base/questions.md', 'utf8').matchAll(/^\| (q\d\d) \| (.+?\?) /gm)];
  const questions = new Map(cases.map(({ id, question }) => [id, question]));
  expect(new Set(told.map(([, id]) => id)).size).toBe(12);
  for (const [, id = '', question] of told) expect(questions.get(id)).toBe(question);
});

it('shares no case with the weak points', () => {
  const weak = new Set(weakPoints.flatMap(({ id, question }) => [id, question]));
  expect(cases.filter(({ id, question }) => weak.has(id) || weak.has(question))).toEqual([]);
});

describe.each([...cases, ...weakPoints])('$id', ({ expect: demands, cluster, id }) => {
  const { behaviour, cite, quote, answerAny, answerAll, mustNot } = demands;
  const sources = (cite ?? forEverybody).map(textOf);

  it('demands what a document says that a customer may read, and forbids none of it', () => {
    for (const docId of cite ?? []) expect(forEverybody).toContain(docId);
    if (quote !== undefined) {
      expect(sources.some((text) => holdsWhole(fold(text), fold(quote)))).toBe(true);
      expect(mustNot.filter((span) => holdsAnswer(quote, [span]))).toEqual([]);
    }
    for (const span of [...(answerAny ?? []), ...(answerAll ?? [])]) {
      expect(
        sources.some((text) => holdsAnswer(text, [span])),
        span,
      ).toBe(true);
    }
    if (behaviour === 'answer') expect(answerAny ?? answerAll).toBeDefined();
  });

  it('names as its cluster a story of several cases, or itself', () => {
    expect(cluster === id || cases.filter((each) => each.cluster === cluster).length > 1).toBe(true);
  });
});
