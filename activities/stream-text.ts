// A model's text on its way to whoever watches: with masks taken off, as far as the requester may see, and unread words of ours held back.
// What has been told in the end is the text of the reply, however the model told it.
import type { StepStream } from './stream-writer.ts';

export interface TextStream {
  /** For `ModelRequest.onText`. Never throws. */
  readonly delta: (text: string) => void;
  /** The reply as the step gives it: tells what of it was not told yet. */
  end(text: string): void;
}

export interface TextStreamOptions {
  readonly stream: StepStream;
  readonly attempt: number;
  /** What stands for a word that the model did not see, put back. @default as it is */
  readonly restore?: (text: string) => string;
}

/** What a model replies when the passages do not answer: it is no text for people. */
const NO_ANSWER = 'INSUFFICIENT_CONTEXT';
/** The end of a text that may become a mask: a bracket and what may stand in one. */
const OPEN_MASK = /\[[A-Za-z0-9_.]{0,63}$/;

export function streamText({ stream, attempt, restore = (text) => text }: TextStreamOptions): TextStream {
  /** Of the model, not told yet. */
  let held = '';
  /** Told so far. */
  let told = '';
  let lost = false;
  // Whether or not the attempt before told anything: who watches knows.
  if (attempt > 1) stream.emit({ type: 'withdrawn', data: { reason: 'new-attempt' } });
  stream.emit({ type: 'step', data: { name: 'generate' } });

  function tell(text: string): void {
    if (text === '') return;
    told += text;
    stream.text(text, true);
  }
  function delta(text: string): void {
    if (lost || text === '') return;
    try {
      held += text;
      if (told === '' && NO_ANSWER.startsWith(held.trim())) return;
      const open = OPEN_MASK.exec(held)?.index ?? held.length;
      const whole = held.slice(0, open);
      held = held.slice(open);
      tell(restore(whole));
    } catch {
      lost = true;
    }
  }
  return {
    delta,
    end(text) {
      held = '';
      if (text.trim() === NO_ANSWER) return;
      if (text.startsWith(told)) return tell(text.slice(told.length));
      // The model told something else than it replied.
      stream.emit({ type: 'withdrawn', data: { reason: 'replaced' } });
      told = '';
      tell(text);
    },
  };
}
