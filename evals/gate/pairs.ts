// The cases of a candidate beside the same cases of its baseline. What was measured otherwise is refused: it cannot be compared.
import { UserError } from '../../runtime/errors.ts';
import { visible } from '../../runtime/visible.ts';
import type { CaseResult } from '../case-result.ts';
import { counted } from './wording.ts';

export interface Pair {
  readonly candidate: CaseResult;
  readonly baseline: CaseResult;
}

const MAX_NAMED = 5;

/** In the candidate's order. @throws UserError for ids that are on one side only, and for cases with another number of trials */
export function pairsOf(candidate: readonly CaseResult[], baseline: readonly CaseResult[]): readonly Pair[] {
  requireUnique(baseline, 'baseline');
  const before = new Map(baseline.map((each) => [each.id, each]));
  const now = new Set(candidate.map(({ id }) => id));
  const added = candidate.filter(({ id }) => !before.has(id));
  const gone = baseline.filter(({ id }) => !now.has(id));
  if (added.length + gone.length > 0) {
    const sides = [
      ...(added.length > 0 ? [`missing in the baseline: ${added.length} (${named(added)})`] : []),
      ...(gone.length > 0 ? [`only in the baseline: ${gone.length} (${named(gone)})`] : []),
    ];
    throw new UserError(`The baseline was measured on other cases: ${sides.join('; ')}`, {
      hint: 'Evaluate the baseline release again on the set as it is now, and compare with that.',
      exitCode: 64,
    });
  }
  const pairs = candidate.map((each) => ({ candidate: each, baseline: before.get(each.id) as CaseResult }));
  const unlike = pairs.filter((pair) => pair.candidate.trials.length !== pair.baseline.trials.length);
  if (unlike.length > 0) {
    throw new UserError(
      `The baseline was measured with another number of trials in ${counted(unlike.length, 'case')} (${named(unlike.map((pair) => pair.candidate))})`,
      {
        hint: 'A case passes when each of its trials does: evaluate both releases with the same number of trials.',
        exitCode: 64,
      },
    );
  }
  return pairs;
}

/** @throws UserError for an id that is there twice */
export function requireUnique(cases: readonly CaseResult[], side: 'candidate' | 'baseline'): void {
  const seen = new Set<string>();
  for (const each of cases) {
    if (seen.has(each.id)) {
      throw new UserError(`Case ${named([each])} is in the results of the ${side} twice`, {
        hint: 'Hand in one result a case, with all of its trials.',
        exitCode: 64,
      });
    }
    seen.add(each.id);
  }
}

function named(cases: readonly CaseResult[]): string {
  const names = cases.slice(0, MAX_NAMED).map(({ id }) => JSON.stringify(visible(id)));
  return cases.length > MAX_NAMED ? `${names.join(', ')} and ${cases.length - MAX_NAMED} more` : names.join(', ');
}
