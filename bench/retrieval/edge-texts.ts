// Texts in which analyzers like to differ: every character of Unicode inside of words, and random mixtures of hard ones. Pure.

const CHARACTERS_A_TEXT = 64;
const MIXTURES = 20_000;
/** Case that changes length, letters of two code units, marks, digits of other scripts, ligatures, and endings of stems. */
const HARD = [
  ...[
    'a',
    'b',
    'e',
    'y',
    's',
    'Y',
    'I',
    '_',
    '1',
    "'",
    '’',
    '-',
    '.',
    ' ',
    '\n',
    '\u3000',
    '\u00ad',
    '\u200d',
    '\u0301',
  ],
  ...['ing', 'ed', 'ly', 'eed', 'tion', 'ies', 'yed', 'ational', 'oy', 'ß', 'ẞ', 'é', 'ı', 'İ', 'ŉ', 'ǰ', 'ǅ', 'ﬁ'],
  ...['Σ', 'σ', 'ς', 'ΐ', 'Ω', '٣', '½', 'Ⅷ', '中', 'ي', '𝒳', '𐐀', '😀'],
];

export function edgeTexts(random: () => number): readonly string[] {
  const texts: string[] = [];
  for (let from = 0x20; from < 0x11_0000; from += CHARACTERS_A_TEXT) {
    const words = Array.from({ length: CHARACTERS_A_TEXT }, (_, at) => from + at)
      .filter((point) => point < 0x11_0000 && (point < 0xd800 || point > 0xdfff))
      .map((point) => String.fromCodePoint(point))
      .map((character) => `ab${character}cd running${character}s ${character}${character}ing`);
    if (words.length > 0) texts.push(words.join(' '));
  }
  const pick = (): string => HARD[Math.floor(random() * HARD.length)] ?? '';
  for (let count = 0; count < MIXTURES; count += 1) {
    texts.push(Array.from({ length: 1 + Math.floor(random() * 16) }, pick).join(''));
  }
  return texts;
}
