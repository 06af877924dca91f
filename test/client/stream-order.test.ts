// What a reader makes of stored events: held against a plain account of what should be shown, over any order of attempts and losses.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orderStream } from '../../client/stream-order.ts';
import type { Said } from '../../runtime/streams/sealed-event.ts';
import type { RunId, StreamEvent, StreamKey } from '../../workflows/protocol/index.ts';

const RUN: RunId = 'default/answer/01J00000000000000000000000';
const STEP = 'answer/generate#1';
let position = 0;
const at = (attempt: number, seq: number, step = STEP) => {
  position += 1;
  const key: StreamKey = { run: RUN, step, attempt, seq };
  return { key, offset: `${position}` };
};
const token = (text: string): Said => ({ type: 'token', data: { text, provisional: true } });

/** The text that is shown at the end: what stands of each step, in order of its first piece. */
function shown(events: readonly StreamEvent[]): string {
  const texts = new Map<string, string>();
  for (const event of events) {
    if (event.type === 'token') texts.set(event.key.step, (texts.get(event.key.step) ?? '') + event.data.text);
    if (event.type === 'withdrawn') texts.delete(event.data.step);
  }
  return [...texts.values()].join('');
}

describe('what a reader is shown', () => {
  it('is each piece once, whatever is read twice', () => {
    const order = orderStream();
    const places = [at(1, 0), at(1, 1), at(1, 2)] as const;
    const events = [0, 1, 0, 1, 2, 2].flatMap((n) => order.take(places[n as 0], token(`${n}`)));
    expect(shown(events)).toBe('012');
    expect(order.standing('012')).toBe(STEP);
    expect(order.incomplete).toBe(false);
  });

  it('is never text of two attempts, nor text with a hole, in whatever order attempts write and whatever is lost', () => {
    const written = fc.array(fc.record({ attempt: fc.integer({ min: 1, max: 3 }), lost: fc.boolean() }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(written, (writes) => {
        const order = orderStream();
        const seqs = new Map<number, number>();
        const whole = new Map<number, string>();
        const events: StreamEvent[] = [];
        let latest = 0;
        for (const { attempt, lost } of writes) {
          const seq = seqs.get(attempt) ?? 0;
          seqs.set(attempt, seq + 1);
          const text = `${attempt}.${seq} `;
          if (attempt >= latest) whole.set(attempt, (whole.get(attempt) ?? '') + text);
          if (lost) continue;
          latest = Math.max(latest, attempt);
          events.push(...order.take(at(attempt, seq), token(text)));
          const seen = shown(events);
          // A beginning of what the latest attempt that was heard of wrote, and nothing else.
          const all = Array.from({ length: seqs.get(latest) ?? 0 }, (_, n) => `${latest}.${n} `).join('');
          expect(all.startsWith(seen)).toBe(true);
          expect(order.standing(seen)).toBe(seen === '' ? undefined : STEP);
        }
      }),
    );
  });

  it('is withdrawn when a later attempt begins, also when nobody says so', () => {
    const order = orderStream();
    order.take(at(1, 0), token('old'));
    expect(order.take(at(2, 0), { type: 'step', data: { name: 'generate' } })).toMatchObject([
      { type: 'withdrawn', data: { step: STEP, reason: 'new-attempt' } },
      { type: 'step' },
    ]);
    expect(order.take(at(1, 1), token('late'))).toEqual([]);
  });

  it('is withdrawn by validation, which speaks of what came last', () => {
    const order = orderStream();
    order.take(at(1, 0), token('first turn'));
    order.take(at(1, 0, 'answer/generate#2'), token('draft'));
    const refused: Said = { type: 'withdrawn', data: { reason: 'validation-failed' } };
    expect(order.take(at(1, 0, 'answer/validate#1'), refused)).toMatchObject([
      { type: 'withdrawn', data: { step: 'answer/generate#2', reason: 'validation-failed' } },
    ]);
    expect(order.take(at(1, 1, 'answer/validate#1'), refused)).toEqual([]);
    expect(order.standing('draft')).toBeUndefined();
  });

  it('says nothing of a withdrawal where nothing was shown', () => {
    const order = orderStream();
    expect(order.take(at(2, 0), { type: 'withdrawn', data: { reason: 'new-attempt' } })).toEqual([]);
  });

  it('is withdrawn in the end where it is not the answer', () => {
    const order = orderStream();
    order.take(at(1, 0), token('One'));
    expect(order.standing('One two')).toBeUndefined();
    expect(order.close(at(1, 0, 'answer/record#1'), 'replaced')).toMatchObject([
      { type: 'withdrawn', data: { step: STEP, reason: 'replaced' } },
    ]);
    expect(order.close(at(1, 0, 'answer/record#1'), 'replaced')).toEqual([]);
  });

  it('is in the end the reply or nothing, whatever drafts were refused and whatever was lost', () => {
    const drafts = fc.array(
      fc.record({ texts: fc.array(fc.constantFrom('a', 'b'), { maxLength: 3 }), refusalLost: fc.boolean() }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(drafts, fc.boolean(), fc.boolean(), (all, lastLost, edited) => {
        const order = orderStream();
        const events: StreamEvent[] = [];
        for (const [n, { texts, refusalLost }] of all.entries()) {
          const isLast = n === all.length - 1;
          if (isLast && lastLost) continue;
          for (const [seq, text] of texts.entries())
            events.push(...order.take(at(1, seq, `answer/generate#${n}`), token(text)));
          const refused: Said = { type: 'withdrawn', data: { reason: 'validation-failed' } };
          if (!isLast && !refusalLost) events.push(...order.take(at(1, 0, `answer/validate#${n}`), refused));
        }
        const reply = (all.at(-1)?.texts.join('') ?? '') + (edited ? '!' : '');
        const step = order.standing(reply);
        events.push(...order.close(at(1, 0, 'answer/record#1'), 'replaced', step));
        expect(shown(events)).toBe(step === undefined ? '' : reply);
        if (!edited && !lastLost && reply !== '') expect(step).toBe(`answer/generate#${all.length - 1}`);
      }),
    );
  });
});
