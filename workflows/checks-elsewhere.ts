// The checks of a draft that leave our systems, each a step of its own, asked only of what has passed all before: a moderation, a worker's own, and a judge
// last. Who does not answer keeps the answer back. Workflow code only.
import { outOfTime, remainingMs, requireGoing } from './budget.ts';
import type { Written } from './generate-step.ts';
import { grant } from './grants.ts';
import { paidStep, passingFailure } from './paid-step.ts';
import type { Check, ModelAccess, StepInput, ValidateInput, Validation } from './protocol/index.ts';
import { highestSensitivity } from './protocol/index.ts';
import { lookup, modelWithin, remote } from './proxies.ts';
import type { RunState } from './run-state.ts';
import { admissionOf, stepInput } from './run-state.ts';

export type DraftToValidate = Omit<ValidateInput, keyof StepInput>;

/** With what `validation` left to others. */
export async function checkedElsewhere(
  state: RunState,
  content: Written,
  draft: DraftToValidate,
  validation: Validation,
): Promise<Validation> {
  const { pending, paid = [], text = draft.text } = validation;
  const checks: Check[] = [];
  const passes = (): boolean => checks.every(({ passed }) => passed);
  const asked = { ...draft, text };
  // Over a hard limit nothing more is paid, and the run ends.
  if (paid.length > 0) requireGoing(state);
  if (paid.includes('moderate')) checks.push(await moderated(state, content, asked));
  if (pending !== undefined && passes()) {
    const step = stepInput(state, 'checkRemotely');
    checks.push(...(await remote.checkRemotely(grant({ ...step, ...asked, pending }))).checks);
  }
  if (paid.includes('judgeAnswer') && passes()) {
    requireGoing(state);
    checks.push(await judged(state, content, asked));
  }
  const passed = passes();
  return {
    ...validation,
    passed,
    checks: [...validation.checks, ...checks],
    citations: passed ? validation.citations : [],
  };
}

function moderated(
  state: RunState,
  content: Written,
  { releaseDigest, question, text }: DraftToValidate,
): Promise<Check> {
  const access = accessOf(state, content);
  return orKept(state, 'moderated', () =>
    paidStep(state, 'moderate', (step) => lookup.moderate(grant({ ...step, releaseDigest, question, text, access }))),
  );
}

function judged(state: RunState, content: Written, draft: DraftToValidate): Promise<Check> {
  const { releaseDigest, question, text, passages } = draft;
  const given = { releaseDigest, question, text, passages, access: accessOf(state, content) };
  return orKept(state, 'judged', () =>
    paidStep(state, 'judgeAnswer', (step) => modelWithin(remainingMs(state)).judgeAnswer(grant({ ...step, ...given }))),
  );
}

/** @throws what is ours to mend: a wrong key ends the run, as that of the model does */
async function orKept(
  state: RunState,
  name: string,
  ask: () => Promise<{ readonly check: Check } | { readonly denied: string }>,
): Promise<Check> {
  const kept = (why: string): Check => ({
    name,
    passed: false,
    score: null,
    threshold: null,
    reason: why,
    final: true,
  });
  try {
    const asked = await ask();
    return 'denied' in asked ? kept(`the access policy does not let the check ${name} be made`) : asked.check;
  } catch (error) {
    if (passingFailure(error) === undefined) throw error;
    if ((remainingMs(state) ?? 1) <= 0) throw outOfTime(state);
    return kept(`the check ${name} could not be made, so nothing is given out`);
  }
}

/** Of the answer, which may say whatever its model was shown. */
function accessOf(state: RunState, { labels }: Written): ModelAccess {
  return {
    principal: admissionOf(state).principal,
    origins: [...new Set([...labels.map(({ origin }) => origin), 'model' as const])],
    sensitivity: highestSensitivity(labels.map(({ sensitivity }) => sensitivity)),
    sawUntrusted: state.sawUntrusted,
  };
}
