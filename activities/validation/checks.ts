// The engine's checks, in the order in which an answer goes through them. Every one that applies runs, so that a repair turn hears all reasons
// at once. What throws fails closed.
import type { CompiledSchema } from '../../runtime/json-schema.ts';
import type { AnswerRules, Check, Citation } from '../../workflows/protocol/index.ts';
import type { Sliced } from '../slices.ts';
import type { BuiltIn } from './check.ts';
import { checkOf, failedCheck } from './check.ts';
import { citationsInContext, citationsOf, citationsRequired, quotesVerbatim } from './citations.ts';
import type { CheckSubject, Draft } from './draft.ts';
import { readDraft } from './draft.ts';
import { complete, fits } from './form.ts';
import { grounded } from './grounded.ts';
import type { CheckLanguage } from './language.ts';
import { characters, injectionSignals, inLanguage, links, promptKept, secrets } from './safety.ts';

export interface CheckResults {
  readonly passed: boolean;
  readonly checks: readonly Check[];
  readonly citations: readonly Citation[];
  /** As it may be given out. */
  readonly text: string;
}

export interface CheckOptions {
  /** What a reply has to fit. @default nothing */
  readonly output?: CompiledSchema | undefined;
  /** @default false */
  readonly usesTools?: boolean;
  /** Absent where {@link checksLanguage} says that nobody asks. */
  readonly language?: CheckLanguage | undefined;
}

export function* runChecks(
  subject: CheckSubject,
  rules: AnswerRules,
  { output, language, usesTools = false }: CheckOptions = {},
): Sliced<CheckResults> {
  const checks: Check[] = [];
  const isJson = output !== undefined;
  let draft = yield* readDraft({ ...subject, isJson, usesTools }, rules);
  const order: readonly BuiltIn[] = [
    complete,
    characters,
    ...(output === undefined ? [] : [fits(output)]),
    citationsInContext,
    quotesVerbatim,
    grounded,
    citationsRequired,
    ...(language === undefined ? [] : [inLanguage(language)]),
    secrets,
    links,
    promptKept,
    injectionSignals,
  ];
  for (const check of order) {
    const { check: found, text } = yield* look(check, draft);
    if (found === undefined) continue;
    checks.push(found);
    if (text === undefined || text === draft.text) continue;
    const read = yield* readDraft({ ...draft, text }, rules);
    // A quote has been looked up as the model wrote it; what was taken out of it since is not the model's.
    draft = { ...read, quoted: check === links ? draft.quoted : read.quoted };
  }
  // What was taken out may have brought a citation to light.
  const { check: cites } = yield* look(citationsInContext, draft);
  const all = checks.map((check) => (check.passed && check.name === cites?.name ? cites : check));
  const passed = all.every((check) => check.passed);
  return { passed, checks: all, citations: passed ? citationsOf(draft) : [], text: draft.text };
}

function* look(check: BuiltIn, draft: Draft): Sliced<{ readonly check?: Check; readonly text?: string | undefined }> {
  try {
    if (!check.applies(draft)) return {};
    const looked = check.look(draft);
    const found = 'passed' in looked ? looked : yield* looked;
    return { check: checkOf(check.name, found), text: found.text };
  } catch {
    return { check: failedCheck(check.name, 'failed') };
  }
}
