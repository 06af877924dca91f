// The eval set beside a manifest, as far as publishing needs it: its name, and how many cases it has.
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { messageOf, UserError } from '../runtime/errors.ts';
import { check } from './check.ts';

const schema = z.looseObject({
  v: z.literal(1),
  name: z.string().min(1),
  cases: z.array(z.looseObject({ id: z.string().min(1) })),
});

export interface EvalSet {
  readonly name: string;
  /** Distinct ids. */
  readonly cases: number;
}

/** `undefined` without the file. @throws UserError for one that is malformed */
export function readEvalSet(path: string): EvalSet | undefined {
  if (!existsSync(path)) return undefined;
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UserError(`${path} is not JSON: ${messageOf(cause)}`, { hint: 'Correct it and try again.', cause });
  }
  const { name, cases } = check(schema, content, path);
  return { name, cases: new Set(cases.map(({ id }) => id)).size };
}
