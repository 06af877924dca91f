// How a stream looks on a terminal: what came, what of it does not count, and the reply.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { printAsItComes } from '../../cli/show-stream.ts';
import type { Reply, RunId, StreamData, StreamEvent, StreamEventType } from '../../client/index.ts';

const RUN: RunId = 'default/answer/01J00000000000000000000000';
let printed = '';
vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
  printed += String(text);
  return true;
});
afterEach(() => {
  printed = '';
});

const event = <Type extends StreamEventType>(type: Type, data: StreamData[Type]): StreamEvent =>
  ({ v: 1, key: { run: RUN, step: 's', attempt: 1, seq: 0 }, offset: '1', type, data }) as unknown as StreamEvent;
const token = (text: string): StreamEvent => event('token', { text, provisional: true });
const answered = (text: string): Reply => ({ v: 1, runId: RUN, kind: 'answered', text, citations: [], model: 'm' });
const refused: Reply = { v: 1, runId: RUN, kind: 'refused', reason: 'validation-failed', message: 'No answer passed.' };

async function show(events: readonly StreamEvent[], indent?: string): Promise<string> {
  await printAsItComes(
    (async function* () {
      yield* events;
    })(),
    indent,
  );
  return printed;
}

describe('on a terminal', () => {
  it('an answer is printed once: as it came, and what wrote it under it', async () => {
    const end = event('final', { reply: answered('One.\nTwo.'), streamed: true });
    expect(await show([event('step', { name: 'generate' }), token('One'), token('.\nTw'), token('o.'), end])).toBe(
      'One.\nTwo.\nby m\n',
    );
    printed = '';
    expect(await show([token('One.\nT'), token('wo.'), end], '  ')).toBe('  One.\n  Two.\n  by m\n');
  });

  it('text that does not count is said not to, and what counts is printed in full', async () => {
    const withdrawn = event('withdrawn', { step: 's', reason: 'validation-failed' });
    expect(await show([token('Wrong'), withdrawn, event('final', { reply: refused, streamed: false })])).toBe(
      'Wrong\nwithdrawn: the text above does not count, it did not pass validation\nrefused (validation-failed): No answer passed.\n',
    );
    printed = '';
    const again = event('final', { reply: answered('Right'), streamed: true });
    expect(await show([token('Wrong'), withdrawn, token('Right'), again])).toContain('validation\nRight\nby m\n');
  });

  it('text further up that does not count is not taken for what is above', async () => {
    const earlier = { ...token('Let me look.'), key: { run: RUN, step: 'agent/generate#1', attempt: 1, seq: 0 } };
    const withdrawn = event('withdrawn', { step: 'agent/generate#1', reason: 'replaced' });
    const end = event('final', { reply: answered('Done.'), streamed: true });
    expect(await show([earlier, event('step', { name: 'generate' }), token('Done.'), withdrawn, end])).toContain(
      'Let me look.\nDone.\nwithdrawn: the text of agent/generate#1 further up does not count, the answer is another\nby m\n',
    );
  });

  it('a reply without a stream is printed all the same', async () => {
    const end = event('final', { reply: answered('One.'), streamed: false, missing: 'unavailable' });
    expect(await show([end])).toBe('One.\nby m\n');
  });

  it('no piece can move the cursor, and none is spoilt for having come in two', async () => {
    const end = event('final', { reply: answered('…'), streamed: true });
    expect(await show([token('a\u001b[2'), token('Kb\r'), token('\nc\ud83d'), token('\ude00'), end])).toBe(
      'a\\u{1b}[2Kb\nc\u{1f600}\nby m\n',
    );
  });
});
