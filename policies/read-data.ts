// Data beside the policies, as YAML: read, and held against its schema.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { z } from 'zod';
import { messageOf, UserError } from '../runtime/errors.ts';

interface Wording {
  /** What the file has, for example `risk classes`. */
  readonly what: string;
  /** What to do when it cannot be read, or is no YAML. */
  readonly unreadable: string;
  /** What to do when it does not fit its schema. */
  readonly malformed: string;
}

/** @throws UserError naming the file and each field at fault */
export function readData<T>(path: string, schema: z.ZodType<T>, { what, unreadable, malformed }: Wording): T {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UserError(`Cannot read the ${what} in ${path}: ${messageOf(cause)}`, { hint: unreadable, cause });
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`);
  throw new UserError(`${path} is malformed: ${issues.join('; ')}`, { hint: malformed, cause: parsed.error });
}
