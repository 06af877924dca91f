// The text of a release that streams checked sentences only: it is held until it passes what the whole answer will have to pass, and from
// the first part on that does not, nothing more is told before the answer is.
import type { AnswerRules, Passage, Prompt } from '../workflows/protocol/index.ts';
import { sentencesOf } from './sentences.ts';
import { runChecks } from './validation/checks.ts';

/** A part that is longer and has not passed will not: each check reads it from the beginning. */
const MAX_PART_CHARS = 32 * 1024;
const QUOTES = /["“”„]/g;

export interface CheckedText {
  /** What may be told of the text by now, beyond what was told before. */
  next(delta: string): string;
  /** The same once the text is whole. @param text all of it */
  end(text: string): string;
}

export function checkText(prompt: Prompt, rules: AnswerRules): CheckedText {
  const passages = passagesOf(prompt);
  /** Whole sentences that have not passed yet. */
  let part = '';
  /** The beginning of the next one. */
  let rest = '';
  let told = 0;
  let failed = false;

  /** A sentence may lack what the next one has: a citation at the end of the paragraph, the end of a quote. */
  function take(sentence: string): string {
    part += sentence;
    if (passes(part)) {
      const checked = part;
      part = '';
      told += checked.length;
      return checked;
    }
    if (/\n\s*\n\s*$/.test(part.slice(-256)) || part.length > MAX_PART_CHARS) failed = true;
    return '';
  }
  function passes(text: string): boolean {
    if ((text.match(QUOTES)?.length ?? 0) % 2 === 1) return false;
    const checks = runChecks({ text, finishReason: 'stop', passages }, rules);
    for (let step = checks.next(); ; step = checks.next()) if (step.done === true) return step.value.passed;
  }

  return {
    next(delta) {
      if (failed) return '';
      rest += delta;
      const sentences = [...sentencesOf(rest)];
      rest = sentences.pop() ?? '';
      if (part.length + rest.length > MAX_PART_CHARS) failed = true;
      let checked = '';
      for (const sentence of sentences) if (!failed) checked += take(sentence);
      return checked;
    },
    end(text) {
      if (failed) return '';
      part = '';
      return take(text.slice(told));
    },
  };
}

/** As the model saw them, each under the number that citations use. */
function passagesOf({ messages }: Prompt): readonly Passage[] {
  const parts = messages.flatMap((message) => message.parts).filter(({ origin }) => origin === 'retrieval');
  const passages: Passage[] = [];
  for (const { citation, text } of parts) {
    if (citation === undefined) continue;
    const id = `${citation}`;
    const none = { title: '', headings: [], start: 0, end: 0, score: 0, coverage: 0, sensitivity: 'public' } as const;
    passages[citation - 1] = { id, docId: id, text, ...none };
  }
  return passages;
}
