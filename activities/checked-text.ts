// The text of a release that streams checked sentences only: it is held until it passes what the whole answer will have to pass, and from
// the first part on that does not, nothing more is told before the answer is. Linear in the text: each sentence is looked at once.
import type { AnswerRules, Passage, Prompt } from '../workflows/protocol/index.ts';
import { holdsInstruction } from './injection-signals.ts';
import { openSentences } from './sentences.ts';
import { atOnce } from './slices.ts';
import { foldPassages, quoteStands } from './validation/draft.ts';
import { citationNumbers, quotesOf } from './validation/parse-draft.ts';
import { openSoFar } from './validation/so-far.ts';
import type { Folded } from './validation/verbatim.ts';

/** A part that is longer and has not passed will not. */
const MAX_PART_CHARS = 32 * 1024;
/** Of what was said before: an order to a model may have begun there. */
const BEFORE_CHARS = 128;
const BREAK = /\n\s*\n/;
const QUOTES = /["“”„]/g;

export interface CheckedText {
  /** What may be told of the text by now, beyond what was told before. */
  next(delta: string): string;
  /** The same once the text is whole. @param text all of it */
  end(text: string): string;
}

/** @param usesTools the release has tools */
export function checkText(prompt: Prompt, rules: AnswerRules, usesTools = false): CheckedText {
  const passages = passagesOf(prompt);
  const words = { prompt: textOf(prompt, 'operator'), question: textOf(prompt, 'user') };
  const { isSafe, isGrounded } = openSoFar({ rules, usesTools, passages, ...words });
  let folded: readonly Folded[] | undefined;
  let sentences = openSentences();
  let part = newPart();
  let before = '';
  let told = 0;
  let failed = rules.requireCitations && passages.length === 0;

  /** A sentence may lack what the next one has: a citation at the end of the paragraph, the end of a quote. */
  function take(sentence: string): string {
    part.text += sentence;
    if (!holds(sentence) || part.text.length > MAX_PART_CHARS) {
      failed = true;
      return '';
    }
    const cites = !rules.requireCitations || !part.paragraph.begun || part.paragraph.cites;
    if (cites && part.quote === '' && part.text.trim() !== '') {
      const checked = part.text;
      if (!isGrounded(checked)) {
        failed = true;
        return '';
      }
      part = newPart();
      told += checked.length;
      return checked;
    }
    // It was a paragraph.
    if (/\n\s*\n\s*$/.test(sentence.slice(-256))) failed = true;
    return '';
  }

  /** Whether nothing is wrong by now that what comes next could not put right. */
  function holds(sentence: string): boolean {
    for (const n of citationNumbers(sentence)) if (passages.length > 0 && (n < 1 || n > passages.length)) return false;
    const near = before + sentence;
    before = lastWords(near);
    return citesSoFar(sentence) && quotesSoFar(sentence) && !atOnce(holdsInstruction(near)) && isSafe(near);
  }

  /** A paragraph that is over without a citation gets none any more. */
  function citesSoFar(sentence: string): boolean {
    if (!rules.requireCitations) return true;
    for (const [i, piece] of sentence.split(BREAK).entries()) {
      if (i > 0) {
        if (part.paragraph.begun && !part.paragraph.cites) return false;
        part.paragraph = { begun: false, cites: false };
      }
      part.paragraph.begun ||= piece.trim() !== '';
      part.paragraph.cites ||= citationNumbers(piece).next().done !== true;
    }
    return true;
  }

  /** Quotes are looked up once all that were begun have ended. */
  function quotesSoFar(sentence: string): boolean {
    const marks = sentence.match(QUOTES)?.length ?? 0;
    const isOpen = (part.quote !== '') !== (marks % 2 === 1);
    part.quote += part.quote !== '' || marks > 0 ? sentence : '';
    if (isOpen) return true;
    const text = part.quote;
    part.quote = '';
    if (passages.length === 0) return true;
    for (const quote of quotesOf(text)) {
      folded ??= foldPassages(passages);
      if (quote !== undefined && !quoteStands(quote, folded)) return false;
    }
    return true;
  }

  return {
    next(delta) {
      let checked = '';
      if (failed) return checked;
      for (const sentence of sentences.next(delta)) if (!failed) checked += take(sentence);
      if (part.text.length + sentences.rest.length > MAX_PART_CHARS) failed = true;
      return checked;
    },
    end(text) {
      if (failed) return '';
      // Also what the model did not tell: from the first part that was not told.
      part = newPart();
      before = lastWords(text.slice(Math.max(0, told - 2 * BEFORE_CHARS), told));
      sentences = openSentences();
      let checked = '';
      for (const sentence of sentences.next(text.slice(told))) if (!failed) checked += take(sentence);
      return failed || sentences.rest === '' ? checked : checked + take(sentences.rest);
    },
  };
}

/** What has not passed yet. */
const newPart = () => ({
  text: '',
  /** From the first sentence on with a quote that has not ended. */
  quote: '',
  /** The last one of it. */
  paragraph: { begun: false, cites: false },
});

/** Whole words since the last sentence ended: no order goes beyond that. */
function lastWords(text: string): string {
  const words = text.length > BEFORE_CHARS ? text.slice(-BEFORE_CHARS).replace(/^\S*/, '') : text;
  return words.split(/[.!?]/).at(-1) ?? '';
}

function textOf({ messages }: Prompt, origin: 'operator' | 'user'): string {
  const parts = messages.flatMap((message) => message.parts).filter((part) => part.origin === origin);
  return parts.map(({ text }) => text).join('\n');
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
