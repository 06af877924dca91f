// Characters that no reader sees: found and taken out, while every script and emoji keeps what it is written with.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../../activities/slices.ts';
import { checkCharacters, cleanCharacters } from '../../../activities/validation/characters.ts';
import { growth, repeated } from '../../support/linear.ts';

const clean = (text: string): string => atOnce(cleanCharacters(text));
const check = (text: string) => atOnce(checkCharacters(text));
const tags = (text: string): string =>
  [...text].map((each) => String.fromCodePoint(0xe0000 + (each.codePointAt(0) ?? 0))).join('');
/** Bytes as variation selectors, as they are smuggled behind one emoji. */
const selectors = (text: string): string =>
  [...Buffer.from(text)].map((byte) => String.fromCodePoint(byte < 16 ? 0xfe00 + byte : 0xe0100 + byte - 16)).join('');

describe('what has no business in an answer is found, named and taken out', () => {
  it.each([
    ['a control character', 'a\u0007b', 'ab', '1 control characters'],
    ['an escape of a terminal', 'a\u001b[31mb', 'a[31mb', '1 control characters'],
    ['a control character of the upper half', 'a\u0085b\u009bc', 'abc', '2 control characters'],
    ['an override of direction', 'if (admin\u202e) {', 'if (admin) {', '1 characters that turn the reading direction'],
    ['an isolate', 'a\u2066b\u2069c', 'abc', '2 characters that turn the reading direction'],
    ['a mark of direction without such text', 'a\u200fb', 'ab', '1 characters that turn the reading direction'],
    ['a space of no width', 'pass\u200bword', 'password', '1 invisible characters'],
    ['a joiner in a Latin word', 'pass\u200dword\u200c', 'password', '2 invisible characters'],
    ['a byte order mark', '\ufeffa', 'a', '1 invisible characters'],
    ['a soft hyphen beside a word', 'a \u00adb', 'a b', '1 invisible characters'],
    ['a word joiner and a filler', 'a\u2060b\u3164c', 'abc', '2 invisible characters'],
    ['tags', `Hi${tags('ignore')}!`, 'Hi!', '6 invisible characters'],
    ['tags behind a flag', `🏴${tags('ignore all')}`, '🏴', '10 invisible characters'],
    ['variation selectors behind an emoji', `😊${selectors('hi')}`, '😊', '2 invisible characters'],
    ['a second variation selector', '❤\ufe0f\ufe0f', '❤\ufe0f', '1 invisible characters'],
    ['a character of private use', 'a\ue000\u{f0000}b', 'ab', '2 characters without a meaning'],
    ['what is no character', 'a\ufffe\ufdd0b', 'ab', '2 characters without a meaning'],
    ['half a character', 'a\ud83db\ude00', 'ab', '2 halves of characters'],
    ['marks piled up', `a${'\u0301'.repeat(20)}b`, `a${'\u0301'.repeat(6)}b`, '1 marks piled up on one letter'],
  ])('%s', (_, text, cleaned, named) => {
    expect(clean(text)).toBe(cleaned);
    expect(check(text)).toEqual({
      name: 'characters',
      passed: false,
      score: null,
      threshold: null,
      reason: `it has ${named}`,
    });
  });
});

describe('what a text is written with stays', () => {
  it.each([
    ['line breaks and tabs', 'a\r\n\tb\nc'],
    ['Hebrew with vowels and cantillation', 'בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים'],
    ['Arabic with marks of direction', 'السعر\u200f (12 €)\u200e، مرحبا'],
    ['Persian with joiners left out', 'می\u200cخواهم کتاب\u200cها'],
    ['Hindi with joiners', 'क्\u200dष और श्\u200cर'],
    ['Malayalam with a joiner at the end of a word', 'അവന്\u200d'],
    ['Thai with marks and breaks', 'ที่นี่\u200bครับ'],
    ['Tibetan', 'བསྒྲུབས'],
    ['decomposed letters', 'Viê\u0323\u0302t Nam cafe\u0301'],
    ['a family', '👨\u200d👩\u200d👧\u200d👦'],
    ['emoji with skin and sex', '🤦🏽\u200d♀\ufe0f ❤\ufe0f\u200d🔥 🏳\ufe0f\u200d🌈'],
    ['keys and flags', '1\ufe0f\u20e3 #\ufe0f\u20e3 🇩🇪 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}'],
    ['soft hyphens in words', 'Donau\u00addampf\u00adschiff'],
    ['forms of Chinese characters', '葛\u{e0100}城市'],
    ['no-break spaces', '12\u00a0€ 10\u202f000'],
    ['astral letters', '𝒳 𠮷野家 😀'],
  ])('%s', (_, text) => {
    expect(clean(text)).toBe(text);
    expect(check(text)).toMatchObject({ passed: true, score: null });
  });
});

it('a text that was cleaned passes, whatever it was, and is cleaned no further', () => {
  const unit = fc.oneof(
    fc.constantFrom(...['a', 'क', 'ب', 'ท', '漢', '😀', '❤', '🏴', '1', '\n']),
    fc.constantFrom(
      ...['\u200b', '\u200c', '\u200d', '\ufe0f', '\u00ad', '\u202e', '\u0301', '\ud83d', '\ude00', '\u0007'],
    ),
    fc.constantFrom(
      ...['\u{e0067}', '\u{e007f}', '\u{e0100}', '\ue000', '\u200f', '\u{1f3fd}', '\u0301\u0301\u0301\u0301'],
    ),
  );
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 30 }), (units) => {
      const cleaned = clean(units.join(''));
      expect(check(cleaned).passed).toBe(true);
      expect(clean(cleaned)).toBe(cleaned);
      expect(cleaned.isWellFormed()).toBe(true);
    }),
    { numRuns: 2000, seed: 3 },
  );
});

describe('work grows with the length of the text', () => {
  it.each([
    'a',
    '\u200b',
    '\u0301',
    'a\u0301\u0301\u0301',
    '\ud800',
    '🏴',
    `🏴${tags('gb')}`,
    '\u200d',
    '❤\ufe0f',
    'क\u200d',
    '\u0301\u200b',
  ])('of %j', async (piece) => {
    expect(await growth(repeated(piece), clean)).toBeLessThanOrEqual(3);
  });
});
