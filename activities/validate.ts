// The verb `validate`: nothing is given out that did not pass each check. Fails closed.
import type { ReleaseBody } from '../releases/release.ts';
import type { RunKeys, StartedRun } from '../runtime/keys/index.ts';
import type {
  AnswerRules,
  Check,
  EngineActivities,
  Passage,
  ValidateInput,
  Validation,
} from '../workflows/protocol/index.ts';
import { openWithheld } from './detection/restore-reply.ts';
import { localStep, requireStart } from './local-step.ts';
import { canBeModerated } from './moderate.ts';
import type { Releases } from './release-cache.ts';
import { checkOf, failedCheck } from './validation/check.ts';
import { checkDraft } from './validation/check-draft.ts';
import type { OwnCheck } from './validation/define-check.ts';
import type { CheckSubject } from './validation/draft.ts';
import { checkWords } from './validation/moderated.ts';

export interface ValidateDependencies {
  readonly runKeys: RunKeys;
  readonly releases: Releases;
  /** Of the worker, by name. @default none */
  readonly ownChecks?: ReadonlyMap<string, OwnCheck>;
}

const TOO_LONG: Check = {
  ...checkOf('moderated', { passed: false, reason: 'question and answer are too long to be moderated' }),
  final: true,
};
const NONE: ReadonlyMap<string, OwnCheck> = new Map();

export function createValidate({
  runKeys,
  releases,
  ownChecks = NONE,
}: ValidateDependencies): EngineActivities['validate'] {
  return async (input) =>
    await localStep(runKeys, input, async (start) => {
      const { body } = await releases.require(input.tenant, input.releaseDigest);
      const subject = subjectOf(input, body, start);
      const rules = input.asksBack === true ? { ...body.rules, requireCitations: false } : body.rules;
      const usesTools = body.tools !== undefined;
      const schema = body.output && { schema: body.output.schema };
      const { checks, citations, text } = await checkDraft({ subject, rules, usesTools, ...schema });
      const cleaned = { ...subject, text };
      const wanted = Object.entries(body.rules.ownChecks ?? {});
      const isRemote = ([name]: [string, unknown]): boolean => ownChecks.get(name)?.remote === true;
      const own = await Promise.all(
        wanted
          .filter((each) => !isRemote(each))
          .map(async ([name, settings]) => await run(ownChecks, name, cleaned, settings)),
      );
      const moderated = await checkWords(rules, cleaned);
      const tooLong = rules.checks?.moderation !== undefined && !canBeModerated(cleaned) ? [TOO_LONG] : [];
      const all = [...checks, ...(moderated === undefined ? [] : [moderated]), ...tooLong, ...own];
      const passed = all.every((check) => check.passed);
      const pending = passed ? wanted.filter(isRemote).map(([name]) => name) : [];
      const paid = passed ? paidChecks(rules, input) : [];
      return {
        passed,
        checks: all,
        citations: passed ? citations : [],
        ...(text !== input.text && { text }),
        ...(pending.length > 0 && { pending }),
        ...(paid.length > 0 && { paid }),
      };
    });
}

/** A question back is no answer to rate. */
const paidChecks = ({ checks }: AnswerRules, { asksBack }: ValidateInput): NonNullable<Validation['paid']> => [
  ...(checks?.moderation === undefined ? [] : (['moderate'] as const)),
  ...(checks?.judge === undefined || asksBack === true ? [] : (['judgeAnswer'] as const)),
];

/** The verb `checkRemotely`: what of a validation leaves our own systems. */
export function createCheckRemotely({
  runKeys,
  releases,
  ownChecks = NONE,
}: ValidateDependencies): EngineActivities['checkRemotely'] {
  return async ({ pending, ...input }) => {
    const [start, { body }] = await Promise.all([
      requireStart(runKeys, input.runId),
      releases.require(input.tenant, input.releaseDigest),
    ]);
    const subject = subjectOf(input, body, start);
    const settings = body.rules.ownChecks ?? {};
    const checks = await Promise.all(pending.map(async (name) => await run(ownChecks, name, subject, settings[name])));
    return { v: 1, checks };
  };
}

async function run(
  ownChecks: ReadonlyMap<string, OwnCheck>,
  name: string,
  subject: CheckSubject,
  settings: unknown,
): Promise<Check> {
  const own = ownChecks.get(name);
  return own === undefined ? failedCheck(name, 'is not known to this worker') : await own.run(subject, settings);
}

const subjectOf = (input: ValidateInput, { prompt }: ReleaseBody, start: StartedRun): CheckSubject => ({
  question: input.question,
  text: input.text,
  finishReason: input.finishReason,
  passages: asSeen(input, start),
  prompt,
});

/** Passages as the requester may see them: values that the answer does not show in clear do not stand in them either. */
function asSeen({ passages, withheld }: ValidateInput, start: StartedRun): readonly Passage[] {
  if (withheld === undefined) return passages;
  const left = openWithheld(start.key, withheld.stepPath, withheld.sealed);
  return passages.map((passage) => ({
    ...passage,
    text: left.reduce((text, [token, value]) => text.replaceAll(value, () => token), passage.text),
  }));
}
