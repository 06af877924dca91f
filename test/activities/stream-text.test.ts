// A model's text on its way to a stream: what is held back, what is put back, and that in the end it is the reply's.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bySentence } from '../../activities/adapters/by-sentence.ts';
import { streamText } from '../../activities/stream-text.ts';
import type { StepStream } from '../../activities/stream-writer.ts';
import type { Said } from '../../runtime/streams/sealed-event.ts';

function told() {
  const said: (Said | string)[] = [];
  const stream: StepStream = {
    text: (delta) => void said.push(delta),
    emit: (event) => void said.push(event),
  };
  return {
    stream,
    said,
    texts: () => said.filter((each) => typeof each === 'string'),
    types: () => said.map((each) => (typeof each === 'string' ? 'text' : each.type)),
  };
}

const whole = (text: string) => ({ text, finishReason: 'stop' }) as const;

/** Cut anywhere, also within a pair of surrogates: that is how they come. */
const pieces = fc.array(fc.string({ unit: fc.constantFrom(...'ab [].1_E', 'INSUFFICIENT_CONTEXT', '[EMAIL_', '\n') }));

describe('text on its way', () => {
  it('is the reply’s, however it was cut, and whatever was told of it before', () => {
    fc.assert(
      fc.property(pieces, fc.boolean(), (parts, toldAll) => {
        const text = parts.join('');
        fc.pre(text.trim() !== 'INSUFFICIENT_CONTEXT');
        const { stream, texts, types } = told();
        const coming = streamText({ stream, attempt: 1 });
        for (const part of toldAll ? parts : parts.slice(0, 2)) coming.delta(part);
        coming.end(whole(text));
        expect(texts().join('')).toBe(text);
        expect(types()).not.toContain('withdrawn');
      }),
    );
  });

  it('is told piece by piece, as it comes', () => {
    const { stream, said } = told();
    const coming = streamText({ stream, attempt: 1 });
    coming.delta('One');
    coming.delta(' two');
    expect(said.slice(1)).toEqual(['One', ' two']);
  });

  it('never has half a mask in it, and has values where the requester may see them', () => {
    const { stream, texts } = told();
    const restore = (text: string): string => text.replaceAll('[EMAIL_ABCDEFGHIJKL]', 'ada@example.com');
    const coming = streamText({ stream, attempt: 1, restore });
    for (const piece of ['Write to [', 'EMAIL_ABC', 'DEFGHIJKL', '] [1', '].']) coming.delta(piece);
    coming.end(whole('Write to ada@example.com [1].'));
    expect(texts()).toEqual(['Write to ', 'ada@example.com ', '[1].']);
  });

  it('is none where a model says that it cannot answer', () => {
    const { stream, texts } = told();
    const coming = streamText({ stream, attempt: 1 });
    for (const piece of ['INSUFF', 'ICIENT', '_CONTEXT', '\n']) coming.delta(piece);
    coming.end(whole('INSUFFICIENT_CONTEXT\n'));
    expect(texts()).toEqual([]);
  });

  it('of a model that replies something else than it told is withdrawn, and told anew', () => {
    const { stream, said } = told();
    const coming = streamText({ stream, attempt: 1 });
    coming.delta('This');
    coming.end(whole('That'));
    expect(said.slice(1)).toEqual(['This', { type: 'withdrawn', data: { reason: 'replaced' } }, 'That']);
  });

  it('of a reply that a content filter ended is withdrawn: no other answer takes its place', () => {
    const { stream, said } = told();
    const coming = streamText({ stream, attempt: 1 });
    coming.delta('This');
    coming.end({ text: '', finishReason: 'content-filter' });
    expect(said.slice(1)).toEqual(['This', { type: 'withdrawn', data: { reason: 'failed' } }]);
  });

  it('of a call that broke off is withdrawn, and nothing more of it told', () => {
    const { stream, said } = told();
    const coming = streamText({ stream, attempt: 1 });
    coming.delta('This');
    coming.fail();
    coming.delta(' late');
    expect(said.slice(1)).toEqual(['This', { type: 'withdrawn', data: { reason: 'failed' } }]);
    const silent = told();
    streamText({ stream: silent.stream, attempt: 1 }).fail();
    expect(silent.types()).toEqual(['step']);
  });

  it('of a later attempt begins by withdrawing that of the one before', () => {
    const { stream, types } = told();
    streamText({ stream, attempt: 2 });
    expect(types()).toEqual(['withdrawn', 'step']);
  });

  it('of a model that has it at once is told sentence by sentence, and nothing of it is lost', () => {
    const sentences: string[] = [];
    const text = '"Refunds take 5.5 days." [1] [2]\n\nNot more! "Really?" [3]';
    bySentence(text, (sentence) => sentences.push(sentence));
    expect(sentences).toEqual(['"Refunds take 5.5 days." [1] [2]\n\n', 'Not more! ', '"Really?" [3]']);
    fc.assert(
      fc.property(pieces, (parts) => {
        let told = '';
        bySentence(parts.join(''), (sentence) => {
          told += sentence;
        });
        expect(told).toBe(parts.join(''));
      }),
    );
    // Long runs of what may end a sentence cost no more than their length.
    for (const run of ['.', '\n', ' ', '." ', '[1] ', '\n \n[']) bySentence(`a${run.repeat(200_000)}`, () => {});
  });
});
