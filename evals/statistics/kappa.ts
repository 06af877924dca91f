// How far two judgements of the same replies agree, beyond what chance would do. Pure.
import { wilsonLower, wilsonUpper } from './wilson.ts';

/** How often each pair of verdicts came. */
export interface AgreementCells {
  readonly bothPass: number;
  /** The one that is looked at passes it, and the reference fails it. */
  readonly onlyJudgePasses: number;
  readonly onlyPeoplePass: number;
  readonly bothFail: number;
}

export interface RateWithBounds {
  /** 0–1; `null` of none. */
  readonly rate: number | null;
  /** Wilson's interval, two-sided, with 95 % confidence. */
  readonly lower: number;
  readonly upper: number;
  /** Of how many. */
  readonly of: number;
}

export interface Agreement extends AgreementCells {
  readonly marked: number;
  /** Share of all on which both say the same; `null` of none. */
  readonly agreement: number | null;
  /** Cohen's kappa: −1 to 1, 0 where they agree as often as chance would; `null` where chance alone agrees always, or of none. */
  readonly kappa: number | null;
  /** Of what the reference passes, the share that is passed; of what it fails, the share that is failed. */
  readonly truePositive: RateWithBounds;
  readonly trueNegative: RateWithBounds;
}

/** Each of two sides has half of it. */
const ALPHA = 0.05;

/**
 * Source: Cohen, "A Coefficient of Agreement for Nominal Scales", 1960; the intervals: Wilson, 1927.
 *
 * @throws RangeError for counts that are none
 */
export function agreementOf(cells: AgreementCells): Agreement {
  const { bothPass, onlyJudgePasses, onlyPeoplePass, bothFail } = cells;
  for (const count of [bothPass, onlyJudgePasses, onlyPeoplePass, bothFail]) {
    if (!(Number.isSafeInteger(count) && count >= 0)) throw new RangeError(`not a count: ${count}`);
  }
  const marked = bothPass + onlyJudgePasses + onlyPeoplePass + bothFail;
  const agreement = marked === 0 ? null : (bothPass + bothFail) / marked;
  return {
    ...{ bothPass, onlyJudgePasses, onlyPeoplePass, bothFail, marked, agreement },
    kappa: kappaOf(cells, marked),
    truePositive: rateOf(bothPass, bothPass + onlyPeoplePass),
    trueNegative: rateOf(bothFail, bothFail + onlyJudgePasses),
  };
}

/** In whole numbers up to the last division, so that perfect agreement is 1 and not nearly so. */
function kappaOf({ bothPass, onlyJudgePasses, onlyPeoplePass, bothFail }: AgreementCells, all: number): number | null {
  const byChance =
    (bothPass + onlyJudgePasses) * (bothPass + onlyPeoplePass) +
    (bothFail + onlyPeoplePass) * (bothFail + onlyJudgePasses);
  const left = all * all - byChance;
  return left === 0 ? null : (all * (bothPass + bothFail) - byChance) / left;
}

function rateOf(passed: number, all: number): RateWithBounds {
  const proportion = { passed, all };
  return {
    rate: all === 0 ? null : passed / all,
    lower: wilsonLower(proportion, ALPHA / 2),
    upper: wilsonUpper(proportion, ALPHA / 2),
    of: all,
  };
}
