// Fields of a case that are held against other people's notations: JSON Schemas, and the heuristic scorers of autoevals. Schemas; nothing here runs a scorer.
import { z } from 'zod';
import { messageOf } from '../runtime/errors.ts';
import type { JsonSchema } from '../runtime/json-schema.ts';
import { compileSchema } from '../runtime/json-schema.ts';

/** Texts longer than this are compared with nothing: comparing takes the square of it. In UTF-16 code units. */
export const MAX_SCORED_CHARS = 20_000;
/** Of a list. */
export const MAX_SCORED_ITEMS = 200;

export type ScorerName = 'Levenshtein' | 'NumericDiff' | 'JSONDiff' | 'ListContains' | 'ExactMatch' | 'ValidJSON';

type Json = z.infer<ReturnType<typeof z.json>>;

export interface ExpectedScore {
  readonly scorer: ScorerName;
  /** What the reply is compared with; absent for `ValidJSON`. */
  readonly expected?: Json;
  /** The score from which on it is as expected, above 0 to 1. */
  readonly atLeast: number;
}

const there = z.json().refine((value) => value !== null, 'expected a value to compare with');

/** What each scorer compares a reply with. */
const EXPECTED = {
  Levenshtein: z.string().min(1).max(MAX_SCORED_CHARS),
  NumericDiff: z.number(),
  JSONDiff: there,
  ListContains: z.array(z.string().min(1)).min(1).max(MAX_SCORED_ITEMS),
  ExactMatch: there,
  ValidJSON: z.undefined('there is nothing to compare with: `schema` holds a reply against a JSON Schema'),
} as const satisfies Record<ScorerName, z.ZodType>;

export const expectedScoreSchema = z
  .strictObject({
    scorer: z.string(),
    expected: z.json().optional(),
    at_least: z.number().gt(0).max(1).default(1),
  })
  .transform(({ scorer, expected, at_least: atLeast }, context): ExpectedScore => {
    if (!isScorer(scorer)) {
      const message = `there is no scorer ${scorer}; there are ${Object.keys(EXPECTED).join(', ')}`;
      context.addIssue({ code: 'custom', path: ['scorer'], message });
      return z.NEVER;
    }
    const fits = EXPECTED[scorer].safeParse(expected);
    if (!fits.success) {
      for (const { path, message } of fits.error.issues) {
        context.addIssue({ code: 'custom', path: ['expected', ...path], message });
      }
    }
    return { scorer, atLeast, ...(expected !== undefined && { expected }) };
  });

const isScorer = (name: string): name is ScorerName => Object.hasOwn(EXPECTED, name);

/** What cannot be enforced in full is refused when the set is read. */
export const replySchema = z.record(z.string(), z.unknown()).superRefine((schema: JsonSchema, context) => {
  try {
    compileSchema(schema);
  } catch (cause) {
    context.addIssue({ code: 'custom', message: `cannot be enforced: ${messageOf(cause)}` });
  }
});
