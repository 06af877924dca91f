// How many questions are answered, answered right and refused: of those that the documents answer, and of those that they do not.
// Whoever asks is handed in; this file reads the questions, asks a few at a time, and counts.
import { z } from 'zod';
import { UserError } from '../runtime/errors.ts';
import { inLanes } from '../runtime/in-lanes.ts';
import { linesOf, malformedLine, parsedLine } from './lines.ts';

const questionSchema = z.object({
  id: z.string().min(1).max(200),
  question: z.string().min(1),
  /** Spans, one of which stands in a right answer; none: whether it is right is not checked. */
  answers: z.array(z.string().refine((answer) => normalised(answer) !== '', 'says nothing')),
  answerable: z.boolean(),
});
const FIELDS = 'A line is {"id": TEXT, "question": TEXT, "answers": [TEXT, …], "answerable": true or false}.';
const MAX_LISTED = 20;

export type EvaluatedQuestion = z.infer<typeof questionSchema>;

export interface AskedAnswer {
  /** `failed`: neither, and so nothing is known of it. */
  readonly kind: 'answered' | 'refused' | 'failed';
  /** Of an answer; empty otherwise. */
  readonly text: string;
  /** Of a refusal or a failure; empty otherwise. */
  readonly reason: string;
  /** From asking to the reply, in milliseconds. */
  readonly ms: number;
}

export interface AnswersEvaluation {
  readonly questions: readonly EvaluatedQuestion[];
  readonly ask: (question: string) => Promise<AskedAnswer>;
  /** How many are asked at once. @default 4 */
  readonly concurrency?: number;
  /** Aborted: throws its reason before the next question. */
  readonly signal?: AbortSignal;
  /** @param fraction 0–1 of the questions */
  readonly onProgress?: (text: string, fraction: number) => void;
  /** Told of each reply. */
  readonly onAnswer?: (question: EvaluatedQuestion, answer: AskedAnswer) => void;
}

/** 0–1; `null` of none. */
type Share = number | null;

export interface AnswersReport {
  readonly v: 1;
  readonly questions: number;
  readonly answerable: {
    readonly all: number;
    readonly answered: number;
    readonly answeredShare: Share;
    /** Of those with `answers`. */
    readonly checked: number;
    readonly right: number;
    /** Of the checked ones. */
    readonly rightShare: Share;
    /** Answered, and none of `answers` stands in the reply. */
    readonly wrong: number;
    /** Of all answerable ones. */
    readonly wrongShare: Share;
  };
  readonly unanswerable: {
    readonly all: number;
    /** Each is a wrong answer. */
    readonly answered: number;
    readonly answeredShare: Share;
  };
  /** Refusals by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** Neither answered nor refused, by reason; they count as not answered. */
  readonly failed: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  /** Ids of wrong answers, the first twenty. */
  readonly wrong: readonly string[];
}

/** @throws UserError by file and line for what cannot be read, and for an id that is there twice */
export async function readQuestions(path: string): Promise<readonly EvaluatedQuestion[]> {
  const questions = new Map<string, EvaluatedQuestion>();
  for await (const line of linesOf(path)) {
    const question = parsedLine(line, questionSchema, FIELDS);
    if (questions.has(question.id))
      throw malformedLine(line, `id ${JSON.stringify(question.id)} is there twice`, FIELDS);
    questions.set(question.id, question);
  }
  if (questions.size === 0) throw new UserError(`${path} has no questions`, { hint: FIELDS, exitCode: 64 });
  return [...questions.values()];
}

/** Asks all of them. @throws what `ask` throws, once those under way have ended */
export async function evaluateAnswers(evaluation: AnswersEvaluation): Promise<AnswersReport> {
  const { questions, ask, concurrency = 4, signal, onProgress, onAnswer } = evaluation;
  const answers: AskedAnswer[] = [];
  let done = 0;
  await inLanes([...questions.entries()], concurrency, async ([at, question]) => {
    signal?.throwIfAborted();
    const answer = await ask(question.question);
    answers[at] = answer;
    onAnswer?.(question, answer);
    done += 1;
    onProgress?.('asking', done / questions.length);
  });
  return countAnswers(questions, answers);
}

function countAnswers(questions: readonly EvaluatedQuestion[], answers: readonly AskedAnswer[]): AnswersReport {
  const judged = questions.map((question, at) => ({ question, answer: answers[at] as AskedAnswer }));
  const answerable = judged.filter(({ question }) => question.answerable);
  const unanswerable = judged.filter(({ question }) => !question.answerable);
  const isAnswered = ({ answer }: (typeof judged)[number]): boolean => answer.kind === 'answered';
  const checked = answerable.filter(({ question }) => question.answers.length > 0);
  const isRight = ({ question, answer }: (typeof judged)[number]): boolean =>
    holdsAnswer(answer.text, question.answers);
  const right = checked.filter(isAnswered).filter(isRight);
  const mistaken = checked.filter(isAnswered).filter((one) => !isRight(one));
  const madeUp = unanswerable.filter(isAnswered);
  const answered = answerable.filter(isAnswered).length;
  return {
    v: 1,
    questions: questions.length,
    answerable: {
      all: answerable.length,
      answered,
      answeredShare: share(answered, answerable.length),
      checked: checked.length,
      right: right.length,
      rightShare: share(right.length, checked.length),
      wrong: mistaken.length,
      wrongShare: share(mistaken.length, answerable.length),
    },
    unanswerable: {
      all: unanswerable.length,
      answered: madeUp.length,
      answeredShare: share(madeUp.length, unanswerable.length),
    },
    refused: byReason(answers.filter(({ kind }) => kind === 'refused')),
    failed: byReason(answers.filter(({ kind }) => kind === 'failed')),
    p50Ms: median(answers.map(({ ms }) => ms)),
    wrong: [...mistaken, ...madeUp].map(({ question }) => question.id).slice(0, MAX_LISTED),
  };
}

/**
 * Whether one of the spans stands in a reply, in whole words, both normalised as SQuAD's own evaluation does it. Citations are no part of
 * what is said: "[5]" is no five.
 */
export function holdsAnswer(reply: string, answers: readonly string[]): boolean {
  const said = ` ${normalised(reply.replace(/\[\d{1,3}\]/g, ' '))} `;
  return answers.some((answer) => said.includes(` ${normalised(answer)} `));
}

/** Lower case, without articles and punctuation; what a dash joins is two words. Source: Rajpurkar et al., "SQuAD", 2016. */
function normalised(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[-‐‑–—/]/g, ' ')
    .replace(/[^\p{L}\p{M}\p{N}\s]/gu, '')
    .split(/\s+/)
    .filter((word) => word !== '' && word !== 'a' && word !== 'an' && word !== 'the')
    .join(' ');
}

function byReason(answers: readonly AskedAnswer[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { reason } of answers) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)));
}

const share = (part: number, all: number): Share => (all === 0 ? null : part / all);

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round((sorted[Math.floor(sorted.length / 2)] ?? 0) * 100) / 100;
}
