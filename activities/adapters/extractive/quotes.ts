// Chosen sentences as quotes that stand alone: each with its citation, what follows one another in one. Pure.
import type { Sentence } from './sentences.ts';
import { MAX_QUOTE_CHARS } from './sentences.ts';

/** Begins a sentence that says nothing without the one before it. */
const LEANS =
  /^["'“‘(]?(?:it|its|he|his|she|her|hers|they|their|this|that|these|those|both|such|the (?:former|latter|same)|there)\b/i;

/** One quote a paragraph, in the order of choice. */
export function quotesOf(chosen: readonly Sentence[]): string[] {
  const runs: Sentence[][] = [];
  for (const sentence of chosen) for (const one of [...before(sentence), sentence]) add(runs, one);
  return runs.map(quote);
}

/** A sentence that opens with a pronoun brings the one before it. */
function before(sentence: Sentence): Sentence[] {
  const previous = sentence.passage.sentences[sentence.place - 1];
  return sentence.follows && previous !== undefined && LEANS.test(sentence.text) ? [previous] : [];
}

function add(runs: Sentence[][], sentence: Sentence): void {
  if (runs.some((run) => run.some((one) => one === sentence || one.text === sentence.text))) return;
  const run = runs.find((one) => continues(one, sentence) || continues([sentence], one[0]));
  if (run === undefined || lengthOf(run) + sentence.text.length > MAX_QUOTE_CHARS) runs.push([sentence]);
  else if (continues(run, sentence)) run.push(sentence);
  else run.unshift(sentence);
}

function continues(run: readonly Sentence[], sentence: Sentence | undefined): boolean {
  const last = run.at(-1);
  return sentence?.follows === true && last?.passage === sentence.passage && last.place === sentence.place - 1;
}

const lengthOf = (run: readonly Sentence[]): number => run.reduce((sum, { text }) => sum + text.length + 1, 0);

/** Quotes inside a quote become single ones, as in print: validation takes all quotation marks for one. */
function quote(run: readonly Sentence[]): string {
  const text = run.map((sentence) => sentence.text).join(' ');
  return `"${text.replace(/["“”„]/g, "'")}" [${run[0]?.citation}]`;
}
