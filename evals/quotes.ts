// How many quotes the hard gate takes: those that stand in their context, and those that were changed.
import { z } from 'zod';
import { fold, holdsWhole } from '../activities/validation/verbatim.ts';
import { UserError } from '../runtime/errors.ts';
import { linesOf, parsedLine } from './lines.ts';

const pairSchema = z.object({
  context: z.string(),
  quote: z.string(),
  /** 1: it stands in the context, but for formatting. */
  label: z.union([z.literal(0), z.literal(1)]),
});
const FIELDS = 'A line is {"context": TEXT, "quote": TEXT, "label": 0 or 1}.';
const MAX_LISTED = 20;

interface Share {
  readonly all: number;
  readonly taken: number;
  /** 0–1; `null` of none. */
  readonly share: number | null;
}

export interface QuoteReport {
  readonly v: 1;
  readonly pairs: number;
  /** Label 1: the more are taken, the better. */
  readonly verbatim: Share;
  /** Label 0: none may be taken. */
  readonly changed: Share;
  /** Where the gate and the label differ, as `FILE line N`; the first twenty. */
  readonly wrong: readonly string[];
}

/** @throws UserError by file and line for what cannot be read */
export async function evaluateQuotes(path: string): Promise<QuoteReport> {
  const counts = { 0: { all: 0, taken: 0 }, 1: { all: 0, taken: 0 } };
  const wrong: string[] = [];
  for await (const line of linesOf(path)) {
    const { context, quote, label } = parsedLine(line, pairSchema, FIELDS);
    const isTaken = holdsWhole(fold(context), fold(quote));
    counts[label].all += 1;
    if (isTaken) counts[label].taken += 1;
    if (isTaken !== (label === 1) && wrong.length < MAX_LISTED) wrong.push(line.place);
  }
  const pairs = counts[0].all + counts[1].all;
  if (pairs === 0) throw new UserError(`${path} has no pairs`, { hint: FIELDS, exitCode: 64 });
  const shareOf = ({ all, taken }: Omit<Share, 'share'>): Share => ({
    all,
    taken,
    share: all === 0 ? null : taken / all,
  });
  return { v: 1, pairs, verbatim: shareOf(counts[1]), changed: shareOf(counts[0]), wrong };
}
