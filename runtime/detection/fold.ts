// Undoes what hides figures and letters from patterns: other scripts' digits, full-width forms, invisible characters, odd spaces and
// dashes. Pure; keeps where each character stood.

export interface Folded {
  readonly text: string;
  /** Offset in the original of a character of `text`. */
  start(index: number): number;
  /** Offset in the original after a character of `text`. */
  end(index: number): number;
}

/** Only text with one of these is looked at character by character. */
const MAY_FOLD = /[\u0300-\uffff\u00a0\u00ad]/;
/** Zeros of scripts whose digits follow each other, of the basic plane (Unicode, Nd). */
const ZEROS = [
  0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
  0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0,
  0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
] as const;
const DROP = -1;

const identity = (index: number): number => index;

export function fold(text: string): Folded {
  if (!MAY_FOLD.test(text)) return { text, start: identity, end: (index) => index + 1 };
  const starts = new Int32Array(text.length);
  const ends = new Int32Array(text.length);
  const units = new Uint16Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const start = at;
    let unit = text.charCodeAt(at);
    if (unit >= 0xa0) {
      if (unit >= 0xd800 && unit <= 0xdbff && at + 1 < text.length) {
        const astral = foldAstral(unit, text.charCodeAt(at + 1));
        if (astral !== undefined) at += 1;
        unit = astral ?? unit;
      } else unit = foldUnit(unit);
    }
    if (unit === DROP) continue;
    starts[length] = start;
    ends[length] = at + 1;
    units[length] = unit;
    length += 1;
  }
  return {
    text: textOf(units.subarray(0, length)),
    start: (index) => starts[index] ?? 0,
    end: (index) => ends[index] ?? 0,
  };
}

/** A long argument list overflows the stack. */
function textOf(units: Uint16Array): string {
  let text = '';
  for (let at = 0; at < units.length; at += 8192) text += String.fromCharCode(...units.subarray(at, at + 8192));
  return text;
}

function foldUnit(unit: number): number {
  if (unit < 0x300) return unit === 0xa0 ? 0x20 : unit === 0xad ? DROP : unit;
  if (isInvisible(unit)) return DROP;
  if ((unit >= 0x2000 && unit <= 0x200a) || unit === 0x202f || unit === 0x205f || unit === 0x3000) return 0x20;
  if ((unit >= 0x2010 && unit <= 0x2015) || unit === 0x2212 || unit === 0xfe58 || unit === 0xfe63) return 0x2d;
  for (const zero of ZEROS) if (unit >= zero && unit < zero + 10) return 0x30 + unit - zero;
  return unit >= 0xff01 && unit <= 0xff5e ? unit - 0xfee0 : unit;
}

const isInvisible = (unit: number): boolean =>
  (unit >= 0x200b && unit <= 0x200f) ||
  (unit >= 0x202a && unit <= 0x202e) ||
  (unit >= 0x2060 && unit <= 0x206f) ||
  (unit >= 0xfe00 && unit <= 0xfe0f) ||
  (unit >= 0x300 && unit <= 0x36f) ||
  unit === 0xfeff ||
  unit === 0x61c ||
  unit === 0x180e;

/** Mathematical digits, U+1D7CE to U+1D7FF; tags, U+E0000 to U+E007F. */
function foldAstral(high: number, low: number): number | undefined {
  if (high === 0xd835 && low >= 0xdfce && low <= 0xdfff) return 0x30 + ((low - 0xdfce) % 10);
  return high === 0xdb40 && low >= 0xdc00 && low <= 0xdc7f ? DROP : undefined;
}
