// Canonical JSON against RFC 8785, and hashes that cannot be mistaken for each other's.
import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { canonicalJson, digestOf, keyedHash, sha256 } from '../../runtime/canonical.ts';
import { HashPrefix } from '../../workflows/protocol/index.ts';

describe('canonical JSON', () => {
  it('is as in the example of RFC 8785, 3.2.3', () => {
    const value = JSON.parse(
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],' +
        '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    ) as unknown;
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it('orders keys by UTF-16 code units, as in RFC 8785, 3.2.3', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6'];
    const ordered = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'];
    const value = Object.fromEntries(keys.map((key) => [key, 0]));
    expect(canonicalJson(value)).toBe(`{${ordered.map((key) => `${JSON.stringify(key)}:0`).join(',')}}`);
  });

  it.each([
    [0, '0'],
    [-0, '0'],
    [1e21, '1e+21'],
    [999999999999999900000, '999999999999999900000'],
    [0.000001, '0.000001'],
    [1e-7, '1e-7'],
    [5e-324, '5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [9007199254740992, '9007199254740992'],
  ])('writes %d as %s', (number, text) => {
    expect(canonicalJson(number)).toBe(text);
  });

  it('orders keys at every depth and keeps the order of lists', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }, 1], a: { z: 0, y: 0 } })).toBe(
      '{"a":{"y":0,"z":0},"b":[{"c":2,"d":1},1]}',
    );
  });

  it('takes a field that is undefined for absent', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  });

  it.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['NaN', Number.NaN],
    ['NaN inside', { a: [Number.NaN] }],
    ['infinity', Number.POSITIVE_INFINITY],
    ['a lone surrogate', '\ud800'],
    ['a big integer', 1n],
  ])('refuses %s', (_, value) => {
    expect(() => canonicalJson(value)).toThrow();
  });
});

describe('hashes', () => {
  const key = new Uint8Array(32).fill(7);

  it('of a text and of its UTF-8 are the same, and SHA-256', () => {
    expect(sha256('abc')).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256('€')).toBe(sha256(new TextEncoder().encode('€')));
  });

  it('of a value do not depend on the order of its keys', () => {
    expect(digestOf({ a: 1, b: 2 })).toBe(digestOf({ b: 2, a: 1 }));
    expect(digestOf({ a: 1 })).toBe(`sha256:${createHash('sha256').update('{"a":1}').digest('hex')}`);
    expect(digestOf({ a: 1 })).not.toBe(digestOf({ a: '1' }));
  });

  it('under a key are HMAC-SHA-256 over prefix, NUL and canonical JSON', () => {
    const mac = createHmac('sha256', key).update('countersign/step-input/v1\0{"a":1}').digest('hex');
    expect(keyedHash(key, HashPrefix.StepInput, { a: 1 })).toBe(`hmac-sha256:${mac}`);
  });

  it('under a key differ by prefix, by key and by value', () => {
    const hashes = Object.values(HashPrefix).map((prefix) => keyedHash(key, prefix, { a: 1 }));
    expect(new Set(hashes).size).toBe(Object.keys(HashPrefix).length);
    expect(hashes).not.toContain(keyedHash(new Uint8Array(32).fill(8), HashPrefix.StepInput, { a: 1 }));
    expect(hashes).not.toContain(keyedHash(key, HashPrefix.StepInput, { a: 2 }));
  });
});
