// The bins of a histogram: limits that people can read, and how many values lie in each. Pure.

export interface Bin {
  readonly from: number;
  /** Without it; of the last bin, with it. */
  readonly to: number;
  readonly counts: readonly number[];
}

export interface Bins {
  readonly bins: readonly Bin[];
  /** The last bin holds all above it, too: a few values lie far beyond the others. */
  readonly isOpen: boolean;
}

const MOST_BINS = 14;
const FAR = 3;

/** One count a series, in all series the same bins. No bins of no values. */
export function binsOf(series: readonly (readonly number[])[]): Bins {
  const all = series.flat().sort((a, b) => a - b);
  const least = all[0];
  const most = all.at(-1);
  if (least === undefined || most === undefined) return { bins: [], isOpen: false };
  const usual = all[Math.floor((all.length - 1) * 0.95)] ?? most;
  const isOpen = most - least > FAR * (usual - least) && usual > least;
  const highest = isOpen ? usual : most;
  const width = niceWidth((highest - least || Math.abs(highest) || 1) / MOST_BINS);
  const first = Math.floor(least / width + 1e-9);
  const size = Math.max(1, Math.ceil(highest / width - 1e-9) - first + (isOpen ? 1 : 0));
  const placeOf = (value: number): number => Math.min(size - 1, Math.max(0, Math.floor(value / width + 1e-9) - first));
  const counts = series.map((values) => {
    const own = new Array<number>(size).fill(0);
    for (const value of values) own[placeOf(value)] = (own[placeOf(value)] ?? 0) + 1;
    return own;
  });
  const bins = Array.from({ length: size }, (_, at) => ({
    from: (first + at) * width,
    to: (first + at + 1) * width,
    counts: counts.map((own) => own[at] ?? 0),
  }));
  return { bins, isOpen };
}

/** The next of 1, 2 and 5 times a power of ten. */
function niceWidth(width: number): number {
  const power = 10 ** Math.floor(Math.log10(width));
  const factor = [1, 2, 5].find((each) => each * power >= width * (1 - 1e-9)) ?? 10;
  return factor * power;
}
