// Text of others on a terminal: nothing in it may move the cursor, hide, reorder, or pass for a line of ours.
import { describe, expect, it } from 'vitest';
import { quoted, visible, visibleLines } from '../../cli/untrusted-text.ts';

describe('a character that nobody would see is shown as its number', () => {
  it.each([
    ['the escape of a terminal sequence', 'a\u001b[2Jb', 'a\\u{1b}[2Jb'],
    ['a carriage return', 'pay 10\rpay 99', 'pay 10\\u{d}pay 99'],
    ['a backspace', 'a\bb', 'a\\u{8}b'],
    ['a tab', 'a\tb', 'a\\u{9}b'],
    ['delete', 'a\u007fb', 'a\\u{7f}b'],
    ['a control sequence introducer of one byte', 'a\u009b31mb', 'a\\u{9b}31mb'],
    ['an override to right-to-left', 'a\u202eb', 'a\\u{202e}b'],
    ['an isolate', 'a\u2066b', 'a\\u{2066}b'],
    ['an Arabic letter mark', 'a\u061cb', 'a\\u{61c}b'],
    ['a zero-width space', 'a\u200bb', 'a\\u{200b}b'],
    ['a soft hyphen', 'a\u00adb', 'a\\u{ad}b'],
    ['a byte order mark', '\ufeffa', '\\u{feff}a'],
    ['a line separator', 'a\u2028b', 'a\\u{2028}b'],
    ['a Hangul filler', 'a\u3164b', 'a\\u{3164}b'],
    ['a tag character', 'a\u{e0041}b', 'a\\u{e0041}b'],
    ['half of a surrogate pair', 'a\ud800b', 'a\\u{d800}b'],
    ['a private character', 'a\ue000b', 'a\\u{e000}b'],
    ['a line break, where there is one line', 'a\nb', 'a\\u{a}b'],
  ])('%s', (_, text, expected) => {
    expect(visible(text)).toBe(expected);
  });
});

it('letters, signs and pictures stay as they are', () => {
  const text = 'Größe: 24,90 € – “naïve” 東京 Ελλάδα 😀 <b> \\ $';
  expect(visible(text)).toBe(text);
});

it('line breaks of either kind end lines, and nothing else does', () => {
  expect(visibleLines('a\nb\r\nc\rd')).toEqual(['a', 'b', 'c\\u{d}d']);
});

describe('a quoted block', () => {
  it('has a bar before every line, also of text that looks like ours', () => {
    expect(quoted('Refund 1 EUR\n\napprove: rm -rf', { columns: 80, indent: '  ' })).toBe(
      '  │ Refund 1 EUR\n  │ \n  │ approve: rm -rf',
    );
  });

  it('is wrapped before the terminal would, so that no rest begins at the left', () => {
    const text = `${'x'.repeat(100)}approve: this`;
    for (const line of quoted(text, { columns: 40 }).split('\n')) {
      expect(line).toMatch(/^│ /);
      expect(line.length).toBeLessThanOrEqual(40);
    }
  });

  it('counts wide characters as two', () => {
    const lines = quoted('東'.repeat(30), { columns: 42 }).split('\n');
    expect(lines.map((line) => line.length)).toEqual([22, 12]);
  });

  it('loses nothing', () => {
    const text = `${'ab😀'.repeat(50)} end`;
    expect(quoted(text, { columns: 30 }).replaceAll(/\n?│ /g, '')).toBe(text);
  });
});
