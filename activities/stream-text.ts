// A model's text on its way to whoever watches: with masks taken off, as far as the requester may see, and unread words of ours held back.
// What has been told in the end is the text of the reply, however the model told it.
import type { FinishReason } from '../workflows/protocol/index.ts';
import { INSUFFICIENT_CONTEXT } from '../workflows/protocol/index.ts';
import type { CheckedText } from './checked-text.ts';
import type { StepStream } from './stream-writer.ts';

export interface TextStream {
  /** For `ModelRequest.onText`. Never throws. */
  readonly delta: (text: string) => void;
  /** The reply as the step gives it: tells what of it was not told yet. */
  end(reply: { readonly text: string; readonly finishReason: FinishReason }): void;
  /** The call broke off, and what was told of it is no reply. */
  fail(): void;
}

export interface TextStreamOptions {
  readonly stream: StepStream;
  readonly attempt: number;
  /** What stands for a word that the model did not see, put back. @default as it is */
  readonly restore?: ((text: string) => string) | undefined;
  /** Tells nothing that it does not let through. @default everything, marked as provisional */
  readonly checked?: CheckedText | undefined;
  /** Tells no text at all. @default false */
  readonly off?: boolean;
}

/** The end of a text that may become a mask: a bracket and what may stand in one. */
const OPEN_MASK = /\[[A-Za-z0-9_.]{0,63}$/;

export function streamText(options: TextStreamOptions): TextStream {
  const { stream, attempt, restore = (text) => text, checked, off = false } = options;
  /** Of the model, not told yet. */
  let held = '';
  /** Told so far, or held by the checks. */
  let told = '';
  let lost = off;
  // Whether or not the attempt before told anything: who watches knows.
  if (attempt > 1) stream.emit({ type: 'withdrawn', data: { reason: 'new-attempt' } });
  stream.emit({ type: 'step', data: { name: 'generate' } });

  function tell(text: string): void {
    told += text;
    pass(checked === undefined ? text : checked.next(text));
  }
  function pass(text: string): void {
    if (text !== '') stream.text(text, checked === undefined);
  }
  function delta(text: string): void {
    if (lost || text === '') return;
    try {
      held += text;
      if (told === '' && INSUFFICIENT_CONTEXT.startsWith(held.trim())) return;
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
    end({ text, finishReason }) {
      held = '';
      if (off || text.trim() === INSUFFICIENT_CONTEXT) return;
      const isBeginning = text.startsWith(told);
      // The model told something else than it replied.
      if (!isBeginning) {
        const reason = finishReason === 'content-filter' ? 'failed' : 'replaced';
        stream.emit({ type: 'withdrawn', data: { reason } });
      }
      if (checked !== undefined) {
        // What was cut off will not pass.
        if (isBeginning && finishReason === 'stop') pass(checked.end(text));
      } else {
        const rest = isBeginning ? text.slice(told.length) : text;
        tell(rest);
      }
    },
    fail() {
      lost = true;
      if (told !== '') stream.emit({ type: 'withdrawn', data: { reason: 'failed' } });
    },
  };
}
