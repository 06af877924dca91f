// How much longer a text of twice the length takes: about 2 for work that is linear in it, 4 and more for work that is not.

const ROUNDS = 3;
/** Below, a measurement is noise. */
const LEAST_MS = 4;
/** Others work on the machine as well; what is not linear never is. */
const ATTEMPTS = 8;
const LINEAR = 3;

/** @param textOf a text of about so many characters @returns the quotient of the best of a few runs with 400,000 and 200,000 characters */
export async function growth(textOf: (chars: number) => string, work: (text: string) => unknown): Promise<number> {
  const half = textOf(200_000);
  const whole = textOf(400_000);
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < ATTEMPTS && least > LINEAR; attempt += 1) {
    let best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] as const;
    for (let round = 0; round < ROUNDS; round += 1) {
      best = [Math.min(best[0], await timeOf(half, work)), Math.min(best[1], await timeOf(whole, work))];
    }
    least = Math.min(least, Math.max(best[1], LEAST_MS) / Math.max(best[0], LEAST_MS));
  }
  return least;
}

async function timeOf(text: string, work: (text: string) => unknown): Promise<number> {
  const started = performance.now();
  await work(text);
  return performance.now() - started;
}

export const repeated =
  (piece: string) =>
  (chars: number): string =>
    piece.repeat(Math.ceil(chars / piece.length));

/**
 * How many times as long one measurement takes as another: the least of a few pairs, the first that is below what is enough. Others work on the
 * machine as well; what takes too long of itself takes too long in each of them.
 */
export async function leastRatio(
  longer: () => number | Promise<number>,
  shorter: () => number | Promise<number>,
  enough: number,
): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < ATTEMPTS && least >= enough; attempt += 1) {
    least = Math.min(least, (await longer()) / Math.max(await shorter(), 1));
  }
  return least;
}
