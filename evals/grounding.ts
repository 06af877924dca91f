// How well the grounding score parts claims that their context supports from those that it does not.
import { z } from 'zod';
import type { Grounds } from '../activities/validation/grounding.ts';
import { groundingOf, prepareGrounds } from '../activities/validation/grounding.ts';
import { UserError } from '../runtime/errors.ts';
import { linesOf, parsedLine } from './lines.ts';
import type { Labelled, Threshold } from './metrics.ts';
import { auroc, bestThreshold } from './metrics.ts';

const pairSchema = z.object({
  id: z.union([z.string(), z.number()]),
  /** One passage or several. */
  context: z.union([z.string(), z.array(z.string())]),
  claim: z.string(),
  /** 1: the context supports all of it. */
  label: z.union([z.literal(0), z.literal(1)]),
});
const FIELDS = 'A line is {"id": TEXT, "context": TEXT or [TEXT, …], "claim": TEXT, "label": 0 or 1}.';

export interface ScoredPair extends Labelled {
  readonly id: string | number;
}

export interface GroundingReport {
  readonly v: 1;
  readonly pairs: number;
  /** Label 1. */
  readonly positives: number;
  /** 0–1, .5 by chance; `null` when a label is missing. */
  readonly auroc: number | null;
  /** Of the greatest balanced accuracy on these pairs: elsewhere it is less. `null` when a label is missing. */
  readonly best: Threshold | null;
}

/**
 * Scores each claim against its context.
 *
 * @param path JSON lines of {id, context, claim, label}
 * @throws UserError by file and line for what cannot be read
 */
export async function evaluateGrounding(
  path: string,
): Promise<{ readonly report: GroundingReport; readonly scores: readonly ScoredPair[] }> {
  const scores: ScoredPair[] = [];
  // Sets have several claims of one context on lines that follow each other.
  let last: { readonly key: string; readonly grounds: Grounds } | undefined;
  for await (const line of linesOf(path)) {
    const { id, context, claim, label } = parsedLine(line, pairSchema, FIELDS);
    const passages = typeof context === 'string' ? [context] : context;
    const key = JSON.stringify(passages);
    if (last?.key !== key) last = { key, grounds: prepareGrounds(passages) };
    scores.push({ id, score: groundingOf(claim, last.grounds).score, label });
  }
  if (scores.length === 0) throw new UserError(`${path} has no pairs`, { hint: FIELDS, exitCode: 64 });
  const positives = scores.filter(({ label }) => label === 1).length;
  return {
    report: { v: 1, pairs: scores.length, positives, auroc: auroc(scores), best: bestThreshold(scores) },
    scores,
  };
}
