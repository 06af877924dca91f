// The engine's checks, in the order in which an answer goes through them. Every one that applies runs, so that a repair turn hears all reasons
// at once. What throws fails closed.
import type { CompiledSchema } from '../../runtime/json-schema.ts';
import type { AnswerRules, Check, Citation } from '../../workflows/protocol/index.ts';
import { holdsInstruction } from '../injection-signals.ts';
import type { Sliced } from '../slices.ts';
import type { BuiltIn, Finding } from './check.ts';
import { checkOf, failedCheck } from './check.ts';
import { citationsInContext, citationsOf, citationsRequired, quotesVerbatim } from './citations.ts';
import type { CheckSubject } from './draft.ts';
import { readDraft } from './draft.ts';
import { complete, fits } from './form.ts';

export interface CheckResults {
  readonly passed: boolean;
  readonly checks: readonly Check[];
  readonly citations: readonly Citation[];
  /** As it may be given out. */
  readonly text: string;
}

const noInstructions: BuiltIn = {
  name: 'no-instructions',
  applies: () => true,
  *look({ text }): Generator<void, Finding> {
    const found = yield* holdsInstruction(text);
    return {
      passed: !found,
      reason: found ? 'it repeats text that reads like orders to a model' : 'repeats no orders',
    };
  },
};

const CHECKS: readonly BuiltIn[] = [citationsInContext, quotesVerbatim, citationsRequired, noInstructions];

export function* runChecks(subject: CheckSubject, rules: AnswerRules, output?: CompiledSchema): Sliced<CheckResults> {
  const draft = yield* readDraft(subject, rules);
  const checks: Check[] = [];
  let { text } = draft;
  for (const check of [complete, ...(output === undefined ? [] : [fits(output)]), ...CHECKS]) {
    try {
      if (!check.applies(draft)) continue;
      const looked = check.look({ ...draft, text });
      const found = 'passed' in looked ? looked : yield* looked;
      checks.push(checkOf(check.name, found));
      text = found.text ?? text;
    } catch {
      checks.push(failedCheck(check.name, 'failed'));
    }
  }
  const passed = checks.every((check) => check.passed);
  return { passed, checks, citations: passed ? citationsOf(draft) : [], text };
}
