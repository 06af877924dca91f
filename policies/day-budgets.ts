// What a principal, a release or the tenant may spend in a day, over all runs: budgets.yaml beside the policies, and under their digest.
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { isName } from './names.ts';
import { readData } from './read-data.ts';

const limit = (amount: z.ZodNumber) =>
  z
    .strictObject({ soft: amount.optional(), hard: amount })
    .refine(({ soft, hard }) => soft === undefined || soft < hard, {
      path: ['soft'],
      message: 'expected less than hard: people are asked at the soft limit, and the hard one ends the run',
    });

const budgetSchema = z
  .strictObject({
    name: z.string().refine(isName, 'not a name'),
    per: z.enum(['principal', 'release', 'tenant']),
    /** With `per: release`: of this one, all versions together. @default each release by itself */
    release: z.string().min(1).optional(),
    /** Input and output tokens of paid model calls. */
    tokens: limit(z.int().positive()).optional(),
    /** Of calls whose price is known. */
    cost_usd: limit(z.number().positive()).optional(),
  })
  .refine(({ tokens, cost_usd: cost }) => tokens !== undefined || cost !== undefined, {
    message: 'limits nothing: expected tokens or cost_usd',
  })
  .refine(({ per, release }) => release === undefined || per === 'release', {
    path: ['release'],
    message: 'only a budget per release names one',
  });

const schema = z.strictObject({
  v: z.literal(1),
  budgets: z
    .array(budgetSchema)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'two budgets have one name'),
});

/** For each of `tokens` and `cost_usd`: people are asked at `soft`, and `hard` ends the run. Days are those of UTC. */
export type DayBudget = Readonly<z.infer<typeof budgetSchema>>;

/** None without the file. @throws UserError naming the file and each field at fault */
export function loadDayBudgets(path: string): readonly DayBudget[] {
  if (!existsSync(path)) return [];
  return readData(path, schema, {
    what: 'budgets',
    unreadable: 'docs/policies.md shows what the file looks like.',
    malformed: 'docs/policies.md says what a budget has.',
  }).budgets;
}
