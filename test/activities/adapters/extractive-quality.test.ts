// How much local/extractive answers, and how much of it wrongly, on the test halves of test/sets: whole way, without a stack.
// The halves for setting its figures are the dev ones. What the figures mean and where they end: docs/validation.md.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AnswersReport } from '../../../evals/answers.ts';
import { evaluateAnswers, readQuestions } from '../../../evals/answers.ts';
import type { InMemoryDocument } from '../../support/in-memory-answers.ts';
import { createAsk } from '../../support/in-memory-answers.ts';
import { needs, sharedData } from '../../support/shared-data.ts';

/** What a release is advised to ask for; the sample has .72. */
const MIN_SCORE = 0.5;

const documentsIn = (folder: string): InMemoryDocument[] =>
  readdirSync(folder).map((id) => ({ id, text: readFileSync(join(folder, id), 'utf8') }));
const encyclopaedia = documentsIn('test/sets/encyclopaedia/documents');
// Customers do not see what is for staff.
const refunds = documentsIn('examples/knowledge-base/refund-policy').filter(({ id }) => !id.startsWith('internal'));
/** All of them in one collection, so that others' documents are in the way. */
const askBoth = createAsk([...encyclopaedia, ...refunds], MIN_SCORE);

/** Ids of questions about what the documents speak of, and do not say, have `near` in them. */
async function measure(file: string, which: (id: string) => boolean, ask = askBoth): Promise<AnswersReport> {
  const questions = (await readQuestions(file)).filter(({ id }) => which(id));
  return await evaluateAnswers({ questions, ask, concurrency: 1 });
}

describe('on the encyclopaedia, it', () => {
  const file = 'test/sets/encyclopaedia/test.jsonl';

  it('answers at least 85 % of what can be answered, at most 5 % of it wrongly, and at most 5 % of what is off the corpus', async () => {
    const { answerable, unanswerable } = await measure(file, (id) => !id.includes('/near-'));
    expect(answerable).toMatchObject({ all: 120, checked: 120 });
    expect(answerable.answeredShare).toBeGreaterThanOrEqual(0.85);
    expect(answerable.wrongShare).toBeLessThanOrEqual(0.05);
    expect(unanswerable.all).toBe(18);
    expect(unanswerable.answeredShare).toBeLessThanOrEqual(0.05);
  });

  it('answers at most one in six of the questions that the documents come near to and do not answer', async () => {
    const { unanswerable } = await measure(file, (id) => id.includes('/near-'));
    expect(unanswerable.all).toBe(60);
    expect(unanswerable.answeredShare).toBeLessThanOrEqual(1 / 6);
  });

  it('answers questions in other words than the documents have less often, and seldom wrongly', async () => {
    const { answerable } = await measure(file, (id) => id.includes('/reworded-'));
    expect(answerable.all).toBe(30);
    expect(answerable.answeredShare).toBeGreaterThanOrEqual(0.6);
    expect(answerable.wrongShare).toBeLessThanOrEqual(0.15);
  });
});

it('on the sample documents, it answers what can be answered, and at most 5 % of what cannot', async () => {
  const ask = createAsk(refunds, MIN_SCORE);
  const { answerable, unanswerable } = await measure('test/sets/refund-policy/test.jsonl', () => true, ask);
  expect(answerable.all).toBe(25);
  expect(answerable.answeredShare).toBeGreaterThanOrEqual(0.9);
  expect(answerable.wrongShare).toBeLessThanOrEqual(0.08);
  expect(unanswerable.all).toBe(20);
  expect(unanswerable.answeredShare).toBeLessThanOrEqual(0.05);
});

const cranfield = sharedData('cranfield');

describe.skipIf(cranfield === undefined)(`on Cranfield${needs('cranfield')}`, () => {
  it('it answers at least 85 % of the real questions of its readers, and at most 5 % of others', {
    timeout: 60_000,
  }, async () => {
    const lines = (name: string): { _id: string; title?: string; text: string }[] =>
      readFileSync(join(cranfield ?? '', name), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { _id: string; title?: string; text: string });
    const documents = lines('corpus.jsonl')
      .filter(({ text }) => text.trim() !== '')
      .map(({ _id, title, text }) => ({
        id: `${_id}.md`,
        text: `# ${(title ?? _id).replace(/\s+/g, ' ')}\n\n${text}`,
      }));
    const queries = lines('queries.jsonl')
      .filter((_, at) => at % 2 === 1)
      .map(({ _id, text }) => ({ id: _id, question: text, answers: [], answerable: true }));
    const off = await readQuestions('test/sets/cranfield/off-corpus-test.jsonl');
    const report = await evaluateAnswers({
      questions: [...queries, ...off],
      ask: createAsk(documents, MIN_SCORE),
      concurrency: 1,
    });
    expect(report.answerable).toMatchObject({ all: queries.length, checked: 0, rightShare: null });
    expect(report.answerable.answeredShare).toBeGreaterThanOrEqual(0.85);
    expect(report.unanswerable.all).toBe(20);
    expect(report.unanswerable.answeredShare).toBeLessThanOrEqual(0.05);
  });
});
