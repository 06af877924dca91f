// One-sided Wilson score bounds of a proportion. Pure.
import { normalQuantile } from './normal.ts';

export interface Proportion {
  /** 0 up to `all`. Neither has to be whole: cases that depend on each other count for less than one. */
  readonly passed: number;
  readonly all: number;
}

/**
 * The true rate is not below this one, with confidence 1 − alpha; 0 of no cases. It is the lowest rate that a one-sided score test does
 * not refuse. It is near, not exact: at rates of .9 and more it is above the true rate in up to 7 % of sets of the least cases that can
 * prove it, and in up to 6.3 % of sets of 300 and more, where alpha is .05.
 * Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
 *
 * @param alpha above 0 and below 1; the z of this side alone is used
 * @throws RangeError for counts that are none
 */
export function wilsonLower({ passed, all }: Proportion, alpha = 0.05): number {
  requireProportion({ passed, all });
  if (passed === 0) return 0;
  const { centre, half, scale } = scoreInterval({ passed, all }, alpha);
  return Math.max(0, (centre - half) / scale);
}

/** The true rate is not above this one, with confidence 1 − alpha; 1 of no cases. See {@link wilsonLower}. */
export function wilsonUpper({ passed, all }: Proportion, alpha = 0.05): number {
  requireProportion({ passed, all });
  if (passed === all) return 1;
  const { centre, half, scale } = scoreInterval({ passed, all }, alpha);
  return Math.min(1, (centre + half) / scale);
}

interface ScoreInterval {
  readonly centre: number;
  readonly half: number;
  readonly scale: number;
}

function scoreInterval({ passed, all }: Proportion, alpha: number): ScoreInterval {
  const z = normalQuantile(1 - alpha);
  const rate = passed / all;
  return {
    centre: rate + (z * z) / (2 * all),
    half: z * Math.sqrt((rate * (1 - rate)) / all + (z * z) / (4 * all * all)),
    scale: 1 + (z * z) / all,
  };
}

function requireProportion({ passed, all }: Proportion): void {
  if (!(Number.isFinite(all) && passed >= 0 && passed <= all)) {
    throw new RangeError(`no proportion: ${passed} of ${all}`);
  }
}
