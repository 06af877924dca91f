// What a run of the stream bench asks for, and the tokens that come: each with its number and the time at which its provider wrote it.

/** What a question asks for. */
export interface Wanted {
  readonly tokens: number;
  readonly everyMs: number;
  /** Before the first. */
  readonly afterMs: number;
}

export interface Tick {
  readonly n: number;
  /** Of the machine's monotonic clock, which all of its processes share. */
  readonly atMs: number;
}

export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export const askFor = (wanted: Wanted): string => JSON.stringify(wanted);
export const writeTick = ({ n, atMs }: Tick): string => `${n}@${atMs.toFixed(3)} `;

/** The ticks in a piece of text; a piece never ends within one. */
export function readTicks(text: string): readonly Tick[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const [n, atMs] = word.split('@').map(Number);
      return { n: n ?? Number.NaN, atMs: atMs ?? Number.NaN };
    });
}
