// What `countersign/testing` gives to users: a model that says only what was scripted, a clock, approvers, and the replay assertion.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ModelRequest } from '../../activities/ports/model.ts';
import { quietSdk } from '../../audit/replay.ts';
import { assertReplays, createClock, scriptedModel } from '../../testing/index.ts';

const request = (task: string, turns = 0): ModelRequest => ({
  model: 'm',
  prompt: {
    messages: [
      { role: 'user', parts: [{ origin: 'user', text: task }] },
      ...Array.from({ length: turns }, () => ({
        role: 'assistant' as const,
        parts: [{ origin: 'model' as const, text: '' }],
      })),
    ],
  },
  tools: [],
  temperature: 0,
  maxOutputTokens: 1,
  idempotencyKey: 'k',
  signal: new AbortController().signal,
});

describe('the scripted model', () => {
  it('gives the turn that comes next in a conversation, and the same again when it is asked again', async () => {
    const model = scriptedModel({ refund: [{ calls: [{ tool: 'pay', args: { n: 1 } }] }, 'Done.'] });
    const first = { finishReason: 'tool-calls', toolCalls: [{ id: 'call-1-1', tool: 'pay', args: { n: 1 } }] };
    expect(await model.call(request('refund'))).toMatchObject(first);
    expect(await model.call(request('refund'))).toMatchObject(first);
    expect(await model.call(request('refund', 1))).toMatchObject({ text: 'Done.', finishReason: 'stop' });
    model.assertAllUsed();
  });

  it('throws on a task that nobody scripted, and on a turn too many', async () => {
    const model = scriptedModel({ refund: ['Done.'] });
    await expect(model.call(request('pay'))).rejects.toThrow('Nobody scripted a reply to "pay": scripted are: refund');
    await expect(model.call(request('refund', 1))).rejects.toThrow('turn 2 of it is not scripted');
  });

  it('tells which turns were never asked for', () => {
    expect(() => scriptedModel({ refund: ['a', 'b'] }).assertAllUsed()).toThrow('refund (0 of 2 turns)');
  });
});

describe('the clock', () => {
  it('moves when it is told to, and never back', () => {
    const clock = createClock(new Date(0));
    clock.advance(1500);
    expect(clock.now().toISOString()).toBe('1970-01-01T00:00:01.500Z');
    expect(() => clock.advance(-1)).toThrow(RangeError);
    expect(() => clock.advance(Number.NaN)).toThrow(RangeError);
  });
});

describe('the replay assertion', () => {
  const kept = (name: string): { events: object[] } =>
    JSON.parse(readFileSync(new URL(`../replay/histories/${name}.json`, import.meta.url), 'utf8'));

  it('counts histories that replay', async () => {
    quietSdk();
    expect(await assertReplays({ histories: [{ runId: 'kept', history: kept('agent-approved-by-update') }] })).toBe(1);
  });

  it('names the run whose history is of other code', async () => {
    const history = JSON.parse(
      JSON.stringify(kept('agent-approved-by-update')).replaceAll('"callTool"', '"callOther"'),
    );
    await expect(assertReplays({ histories: [{ runId: 'changed', history }] })).rejects.toThrow(
      /1 of 1 .*\n {2}changed: mismatch/,
    );
  });

  it('does not pass without a history', async () => {
    await expect(assertReplays({ histories: [] })).rejects.toThrow('no history');
  });
});
