// What a person wrote in a file, checked at the edge: errors name the file and each field at fault.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { z } from 'zod';
import { messageOf, UserError } from '../runtime/errors.ts';

/** @throws UserError that names the file and each field at fault */
export function check<T>(schema: z.ZodType<T>, value: unknown, file: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`);
  throw new UserError(`${file} is malformed: ${issues.join('; ')}`, {
    hint: 'Correct the fields named and try again.',
  });
}

/** @throws UserError */
export function readYaml(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const [firstLine] = messageOf(cause).split('\n');
    throw new UserError(`${path} is not YAML: ${firstLine ?? ''}`, { hint: 'Correct it and try again.', cause });
  }
}
