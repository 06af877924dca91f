// `eval answers` without whoever answers: what a right answer is, how shares are counted, and which lines are refused.
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { AskedAnswer, EvaluatedQuestion } from '../../evals/answers.ts';
import { evaluateAnswers, holdsAnswer, readQuestions } from '../../evals/answers.ts';
import { errorOf } from '../support/error-of.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const folder = useTempFolder();

describe('a reply is right', () => {
  it.each([
    ['when a span stands in it, whatever its case', 'It is "The Eiffel Tower" [1].', 'eiffel tower'],
    ['whatever articles stand before', 'Cows eat the grass.', 'a grass'],
    ['whatever the punctuation', 'It costs €1,500.00, at most.', '€1,500.00'],
    ['when a dash joins the words', 'The blue-ringed octopus.', 'blue ringed octopus'],
    ['in composed and in decomposed letters', 'Cafe\u0301 Noir', 'Café Noir'],
  ])('%s', (_, reply, answer) => {
    expect(holdsAnswer(reply, ['something else', answer])).toBe(true);
  });

  it.each([
    ['when a word is cut out of another', 'Fourteen days.', 'teen'],
    ['when a figure is cut out of another', 'In 1989.', '198'],
    ['when a figure is cut out of one with a comma', 'Of 2,000 eggs.', '2'],
    ['because its citation has the same number', 'Every tower is tall [5].', '5'],
    ['when nothing is said', '', 'Paris'],
  ])('but not %s', (_, reply, answer) => {
    expect(holdsAnswer(reply, [answer])).toBe(false);
  });
});

const question = (id: string, answers: string[], answerable: boolean): EvaluatedQuestion => ({
  id,
  question: id,
  answers,
  answerable,
});
const answered = (text: string, ms = 1): AskedAnswer => ({ kind: 'answered', text, reason: '', ms });
const refused = (reason: string, ms = 1): AskedAnswer => ({ kind: 'refused', text: '', reason, ms });

describe('the figures', () => {
  it('are shares of what they are of, and a wrong answer is one without a right span or to what cannot be answered', async () => {
    const replies: Record<string, AskedAnswer> = {
      right: answered('In Paris [1].', 5),
      wrong: answered('In Rome [1].', 1),
      unchecked: answered('Somewhere [1].', 3),
      missed: refused('not-in-context', 9),
      'made up': answered('On the moon [1].', 7),
      known: refused('nothing-found'),
      'known too': refused('nothing-found'),
      broken: { kind: 'failed', text: '', reason: 'policy-denied', ms: 1 },
    };
    const questions = [
      question('right', ['Paris', 'Lutetia'], true),
      question('wrong', ['Paris'], true),
      question('unchecked', [], true),
      question('missed', ['Paris'], true),
      question('made up', [], false),
      question('known', [], false),
      question('known too', [], false),
      question('broken', [], false),
    ];
    const progress: number[] = [];
    const report = await evaluateAnswers({
      questions,
      ask: (text) => Promise.resolve(replies[text] ?? refused('unknown')),
      onProgress: (_, fraction) => progress.push(fraction),
    });
    expect(report).toEqual({
      v: 1,
      questions: 8,
      answerable: {
        all: 4,
        answered: 3,
        answeredShare: 0.75,
        checked: 3,
        right: 1,
        rightShare: 1 / 3,
        wrong: 1,
        wrongShare: 0.25,
      },
      unanswerable: { all: 4, answered: 1, answeredShare: 0.25 },
      refused: { 'nothing-found': 2, 'not-in-context': 1 },
      failed: { 'policy-denied': 1 },
      p50Ms: 3,
      wrong: ['wrong', 'made up'],
    });
    expect(progress).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((done) => done / 8));
  });

  it('of nothing are no share', async () => {
    const report = await evaluateAnswers({
      questions: [question('a', [], true)],
      ask: () => Promise.resolve(answered('x')),
    });
    expect(report.answerable).toMatchObject({ rightShare: null, wrongShare: 0 });
    expect(report.unanswerable.answeredShare).toBeNull();
  });
});

describe('asking', () => {
  const questions = Array.from({ length: 40 }, (_, i) => question(`${i}`, [], true));

  it('keeps to its number at once, and asks each question once', async () => {
    let under = 0;
    let most = 0;
    const asked: string[] = [];
    await evaluateAnswers({
      questions,
      concurrency: 3,
      async ask(text) {
        asked.push(text);
        under += 1;
        most = Math.max(most, under);
        await Promise.resolve();
        under -= 1;
        return answered('x');
      },
    });
    expect(most).toBe(3);
    expect(asked).toEqual(questions.map(({ id }) => id));
  });

  it('ends with the first failure, after those under way', async () => {
    let ended = 0;
    let asked = 0;
    const asking = evaluateAnswers({
      questions,
      concurrency: 4,
      async ask(text) {
        asked += 1;
        if (text === '1') throw new Error('no engine');
        await Promise.resolve();
        ended += 1;
        return answered('x');
      },
    });
    expect((await errorOf(asking)).message).toBe('no engine');
    expect(ended).toBe(asked - 1);
    expect(asked).toBeLessThan(10);
  });

  it('stops when it is told to', async () => {
    const controller = new AbortController();
    const asking = evaluateAnswers({
      questions,
      concurrency: 1,
      signal: controller.signal,
      ask(text) {
        if (text === '2') controller.abort(new Error('stopped'));
        return Promise.resolve(answered('x'));
      },
    });
    expect((await errorOf(asking)).message).toBe('stopped');
  });
});

describe('a file of questions', () => {
  const line = (value: unknown): string => `${JSON.stringify(value)}\n`;
  const good = { id: 'a', question: 'Where?', answers: ['Paris'], answerable: true };
  const written = (text: string): string => {
    const path = folder.file('questions.jsonl');
    writeFileSync(path, text);
    return path;
  };

  it('is read with what else its lines hold left out', async () => {
    expect(await readQuestions(written(`\n${line({ ...good, title: 'x' })}`))).toEqual([good]);
  });

  it.each([
    ['what is no JSON', '{', 'line 2: not JSON'],
    ['a missing field', line({ id: 'b', question: 'Where?', answers: [] }), 'line 2: answerable: '],
    ['an empty question', line({ ...good, id: 'b', question: '' }), 'line 2: question: '],
    ['a span that says nothing', line({ ...good, id: 'b', answers: ['…'] }), 'line 2: answers.0: says nothing'],
    ['an id that is there twice', line(good), 'line 2: id "a" is there twice'],
  ])('is refused by file and line for %s', async (_, bad, message) => {
    const path = written(line(good) + bad);
    const error = await errorOf(readQuestions(path));
    expect(error.message).toContain(`${path} ${message}`);
    expect(error).toMatchObject({ exitCode: 64 });
  });

  it('without questions is refused', async () => {
    expect((await errorOf(readQuestions(written('\n')))).message).toContain('has no questions');
  });
});
