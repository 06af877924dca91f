// What is shown of a long text: never half a character, and always how long it is.
import { describe, expect, it } from 'vitest';
import { beginningOf, excerptOf } from '../../../workflows/protocol/index.ts';

describe('an excerpt', () => {
  it('of a text that fits is the text', () => {
    expect(excerptOf('abc', 3)).toBe('abc');
    expect(excerptOf('', 3)).toBe('');
  });

  it('of a longer one is its beginning, and says how long it is', () => {
    expect(excerptOf('abcd', 3)).toBe('abc\n[cut: 4 characters, of which these are the first 3]');
  });

  it.each([
    ['a😀b', 1, 'a'],
    ['a😀b', 2, 'a'],
    ['a😀b', 3, 'a😀'],
    ['a😀', 3, 'a😀'],
    ['😀', 1, ''],
    ['abc', 0, ''],
  ])('of %j up to %i is cut between characters', (text, maxChars, expected) => {
    expect(beginningOf(text, maxChars)).toBe(expected);
  });
});
