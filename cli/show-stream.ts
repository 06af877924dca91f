// A run's text on a terminal while it is written, and what became of it: text that does not count is said not to, and the reply is shown.
import type { Reply, StreamEvent, WithdrawalReason } from '../client/index.ts';
import { paint, print } from './output.ts';
import { printReply, printSources } from './show-run.ts';
import { visibleLines } from './untrusted-text.ts';

const WHY: Readonly<Record<WithdrawalReason, string>> = {
  failed: 'the model did not finish it',
  'new-attempt': 'the model is asked again',
  'validation-failed': 'it did not pass validation',
  'not-given-out': 'the run ended without this answer',
  replaced: 'the answer is another',
  incomplete: 'a part of it is missing here',
};

/** Prints everything of the reply. @returns the reply */
export async function printAsItComes(events: AsyncIterable<StreamEvent>, indent = ''): Promise<Reply> {
  let open = false;
  let last: string | undefined;
  // A pair of characters that belong together may come in two pieces.
  let half = '';
  const endLine = (): void => {
    if (open) process.stdout.write('\n');
    open = false;
    half = '';
  };
  for await (const event of events) {
    if (event.type === 'token') {
      if (event.key.step !== last) endLine();
      const text = half + event.data.text;
      half = /[\r\uD800-\uDBFF]$/.exec(text)?.[0] ?? '';
      const shown = visibleLines(half === '' ? text : text.slice(0, -1)).join(`\n${indent}`);
      if (shown === '') continue;
      process.stdout.write(open ? shown : indent + shown);
      open = true;
      last = event.key.step;
    } else if (event.type === 'withdrawn') {
      endLine();
      // Also when a later text was printed under it: that one is not meant.
      const { step, reason } = event.data;
      const which = step === last ? 'the text above does not count' : `the text of ${step} further up does not count`;
      print(indent + paint('yellow', `withdrawn: ${which}, ${WHY[reason]}`));
    } else if (event.type === 'final') {
      endLine();
      // Started as one, it answers as one.
      const reply = event.data.reply as Reply;
      if (event.data.streamed && reply.kind === 'answered') printSources(reply, indent);
      else printReply(reply, indent);
      return reply;
    }
  }
  throw new Error('The stream ended without its final event');
}
