// What becomes of a trial that no scorer could decide: people's word first, then a judge's where people bear it out. Pure.
import type { CaseOutcome, ScorerVerdict } from '../case-result.ts';
import type { Judgement } from './ask-judge.ts';

export interface Words {
  /** Of people. */
  readonly marks: readonly boolean[];
  /** `undefined` where no judge was asked. */
  readonly judgement: Judgement | undefined;
  /** Why the judge's word does not count yet; empty when it does. */
  readonly missing: readonly string[];
}

export interface Decided {
  readonly outcome: CaseOutcome;
  /** The judge's. */
  readonly verdicts: readonly ScorerVerdict[];
}

export function decided({ marks, judgement, missing }: Words): Decided {
  const byPeople = marks.length > 0 ? outcomeOf(marks.every(Boolean)) : undefined;
  if (judgement === undefined) return { outcome: byPeople ?? 'unscored', verdicts: [] };
  const { passed, fault } = judgement;
  if (passed === null) {
    const reason = `no word of the judge: ${fault}${byPeople === undefined ? '' : '; people marked it, and that counts'}`;
    return { outcome: byPeople ?? 'unscored', verdicts: [{ scorer: 'judge', passed: false, reason }] };
  }
  const verdict = (reason: string): readonly ScorerVerdict[] => [{ scorer: 'judge', passed, reason }];
  const word = passed ? 'it passes, says the judge' : 'it fails, says the judge';
  if (byPeople !== undefined)
    return { outcome: byPeople, verdicts: verdict(`${word}; people marked it, and that counts`) };
  if (missing.length === 0) return { outcome: outcomeOf(passed), verdicts: verdict(word) };
  return { outcome: 'unscored', verdicts: verdict(`${word}, and its word does not count yet: ${missing.join('; ')}`) };
}

const outcomeOf = (passed: boolean): 'passed' | 'failed' => (passed ? 'passed' : 'failed');
