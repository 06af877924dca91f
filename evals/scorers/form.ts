// Scorers of a reply's form and grounds, and of scores that were taken before. What they say repeats nothing of the reply.
import type { Expectation } from '../../releases/eval-case.ts';
import type { CompiledSchema, JsonSchema } from '../../runtime/json-schema.ts';
import { compileSchema } from '../../runtime/json-schema.ts';
import { isFreeRefusal } from './behaviour.ts';
import type { Observed } from './observed.ts';
import { NO_ANSWER, speaks } from './text.ts';

const compiled = new WeakMap<JsonSchema, CompiledSchema>();

/** The reply and nothing around it is JSON that fits. */
export function scoreSchema(expect: Expectation, observed: Observed): string | null | undefined {
  const { schema } = expect;
  if (schema === undefined || isFreeRefusal(expect, observed)) return undefined;
  if (!speaks(expect, observed)) return NO_ANSWER;
  let value: unknown;
  try {
    value = JSON.parse(observed.text);
  } catch {
    return 'the reply is not JSON alone';
  }
  const known = compiled.get(schema) ?? compileSchema(schema);
  compiled.set(schema, known);
  const problem = known.problemOf(value);
  if (problem === undefined) return null;
  const { path, what, unknownName } = problem;
  const [at, why] = unknownName === true ? [path.slice(0, -1), 'it has a member of another name'] : [path, what];
  const words = JSON.stringify(schema);
  // Names that the model made up are not repeated.
  const named = at.map((name) => (/^\d+$/.test(name) || words.includes(JSON.stringify(name)) ? name : '*'));
  return `the reply does not fit the schema at /${named.join('/')}: ${why}`;
}

/** Of what was not measured nothing is known. */
export function scoreMinGrounding(expect: Expectation, observed: Observed): string | null | undefined {
  const { minGrounding } = expect;
  if (minGrounding === undefined || isFreeRefusal(expect, observed)) return undefined;
  if (observed.kind !== 'answered') return NO_ANSWER;
  const { grounding = null } = observed;
  if (grounding === null) {
    return `its grounding was not measured, and ${minGrounding} is the least: the release has no passages, or its check is off`;
  }
  return grounding >= minGrounding ? null : `its grounding is ${grounding}, and ${minGrounding} is the least`;
}

export function scoreScores(expect: Expectation, observed: Observed): string | null | undefined {
  const { scores } = expect;
  if (scores === undefined || isFreeRefusal(expect, observed)) return undefined;
  if (!speaks(expect, observed)) return NO_ANSWER;
  const faults = scores.flatMap(({ scorer, atLeast }, at) => {
    const score = observed.scores?.[at] ?? null;
    if (score === null) return [`${scorer} gives no score: the reply is not of its form, or too long`];
    return score >= atLeast ? [] : [`${scorer} is ${Math.floor(score * 1000) / 1000}, and ${atLeast} is the least`];
  });
  return faults.length === 0 ? null : faults.join('; ');
}
