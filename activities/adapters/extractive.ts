// `local/extractive`: quotes the sentences that answer, with citations, and says when none do. Not an LLM: it writes nothing of
// its own, needs no network and costs nothing. The same prompt gives the same reply.
import type { Prompt, PromptPart } from '../../workflows/protocol/index.ts';
import type { Model, ModelReply } from '../ports/model.ts';
import type { Sliced } from '../slices.ts';
import { inSlices } from '../slices.ts';
import type { Analyzer } from '../sparse/analyzer.ts';
import { bySentence } from './by-sentence.ts';
import { choose } from './extractive/choose.ts';
import { languageOfTexts } from './extractive/language.ts';
import { leftOpen } from './extractive/left-open.ts';
import type { QuestionPart } from './extractive/question.ts';
import { readQuestion } from './extractive/question.ts';
import { quotesOf } from './extractive/quotes.ts';
import type { Sentence, SourcePassage } from './extractive/sentences.ts';
import { readPassage } from './extractive/sentences.ts';
import { wordUsage } from './word-usage.ts';

/** Below it sentences share words with a question rather than answer it. What is won and lost by another: docs/validation.md. */
const MIN_CONFIDENCE = 0.5;

export interface ExtractiveSettings {
  /** @default that of the language which the passages are written in */
  readonly analyzer?: Analyzer;
  /** @default 0.5 */
  readonly minConfidence?: number;
}

export function createExtractiveModel(settings: ExtractiveSettings = {}): Model {
  return {
    label: 'local/extractive',
    free: true,
    async call({ prompt, onText }) {
      const reply = await inSlices(extract(prompt, settings));
      bySentence(reply.text, onText);
      return reply;
    },
  };
}

function* extract(
  prompt: Prompt,
  { analyzer: given, minConfidence = MIN_CONFIDENCE }: ExtractiveSettings,
): Sliced<ModelReply> {
  const parts = prompt.messages.flatMap((message) => message.parts);
  const question = parts.findLast((part) => part.origin === 'user')?.text ?? '';
  const retrieved = parts.filter((part) => part.origin === 'retrieval');
  const analyzer = given ?? languageOfTexts(retrieved.map((part) => part.text));
  const passages = yield* readPassages(retrieved, analyzer);
  const answers: Sentence[] = [];
  const open: QuestionPart[] = [];
  for (const part of readQuestion(question, analyzer)) {
    const { sentences, confidence } = choose(part, passages, analyzer);
    yield;
    if (confidence >= minConfidence) answers.push(...sentences);
    else open.push(part);
  }
  const quotes = quotesOf(answers);
  const missing = quotes.length === 0 ? undefined : leftOpen(open, retrieved, analyzer);
  const cited = [...new Set(answers.map(({ citation }) => `[${citation}]`))].join('');
  const text = [...quotes, ...(missing === undefined ? [] : [`${missing} ${cited}.`])].join('\n\n');
  return { text, finishReason: text === '' ? 'insufficient-context' : 'stop', usage: wordUsage(prompt, text) };
}

function* readPassages(parts: readonly PromptPart[], analyzer: Analyzer): Sliced<readonly SourcePassage[]> {
  const passages: SourcePassage[] = [];
  for (const part of parts) {
    const passage = readPassage(part, analyzer);
    if (passage !== undefined) passages.push(passage);
    yield;
  }
  return passages;
}
