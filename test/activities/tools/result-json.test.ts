// The JSON of a tool's result: what the other writer makes, without keeping the thread, and counted where it is too long.
import { describe, expect, it } from 'vitest';
import { atOnce, inSlices } from '../../../activities/slices.ts';
import { toJsonValue } from '../../../activities/tools/json-value.ts';
import { writeResult } from '../../../activities/tools/result-json.ts';
import { canonicalJson } from '../../../runtime/canonical.ts';

const MIB = 1024 * 1024;
const write = (value: unknown, maxBytes = MIB) => atOnce(writeResult(value, maxBytes));

describe('the JSON of a result', () => {
  it.each<[string, unknown]>([
    ['null', null],
    ['nothing', undefined],
    ['a text with what JSON escapes', 'a"\\\n\u2028\u{1f600}\u0001'],
    ['minus zero', -0],
    ['small and large numbers', [1e-300, 1234567.125, 0.1, Number.MAX_SAFE_INTEGER]],
    ['an empty list and an empty object', [[], {}]],
    ['names that look like numbers', { 10: 'a', 9: 'b', b: 1, a: 2, '\u{1f600}': 3, '\ufb33': 4 }],
    ['members that are undefined', { a: undefined, b: { c: undefined } }],
    ['nesting', { rows: [{ id: 1, tags: ['x', { y: [true, false, null] }] }] }],
  ])('is canonical for %s', (_, value) => {
    const json = canonicalJson(toJsonValue(value === undefined ? null : value));
    expect(write(value)).toEqual({ json, bytes: Buffer.byteLength(json) });
  });

  it.each<[string, unknown]>([
    ['a date', { at: new Date(0) }],
    ['a bigint', [1n]],
    ['NaN', Number.NaN],
    ['an integer beyond 2^53', 2 ** 60],
    ['undefined in a list', [undefined]],
    ['half a surrogate pair', '\ud800'],
    ['a name with half of one', { '\ud800': 1 }],
    ['a member named __proto__', JSON.parse('{"__proto__": 1}')],
    ['nesting without end', JSON.parse(`${'['.repeat(70)}${']'.repeat(70)}`)],
  ])('is refused for %s, as for arguments', (_, value) => {
    expect(() => toJsonValue(value)).toThrow();
    expect(() => write(value)).toThrow();
  });

  it('is kept up to the limit, and beyond it only counted', () => {
    const room = MIB - 2;
    expect(write('x'.repeat(room))).toEqual({ json: `"${'x'.repeat(room)}"`, bytes: MIB });
    expect(write('x'.repeat(room + 1))).toEqual({ bytes: MIB + 1 });
    expect(write(['ü'.repeat(MIB), 'x'.repeat(3 * MIB)])).toEqual({ bytes: 5 * MIB + 7 });
  });

  it('of megabytes is written between what else there is to do', async () => {
    const rows = Array.from({ length: 200_000 }, (_, id) => ({ id, name: `customer ${id}`, active: true }));
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    const { json } = await inSlices(writeResult(rows, 32 * MIB));
    clearInterval(timer);
    expect(json).toBe(JSON.stringify(rows.map(({ id, name, active }) => ({ active, id, name }))));
    expect(turns).toBeGreaterThan(10);
  });
});
