// The JSON Schema beside a manifest that replies of a release are held against.
import { existsSync, readFileSync } from 'node:fs';
import { messageOf, UserError } from '../runtime/errors.ts';
import type { JsonSchema } from '../runtime/json-schema.ts';
import { compileSchema } from '../runtime/json-schema.ts';
import type { Manifest } from './manifest.ts';

/** `undefined` without the file. @throws UserError for one that is no schema of an object, or could not be enforced in full */
export function readOutputSchema(path: string, { name, retrieval }: Manifest): JsonSchema | undefined {
  if (!existsSync(path)) return undefined;
  const malformed = (why: string, cause?: unknown): UserError =>
    new UserError(`${path}: ${why}`, { hint: 'Correct it and try again.', cause });
  if (retrieval !== undefined) {
    throw new UserError(`${path}: release ${name} answers from passages, and quotes are looked for in its replies`, {
      hint: 'A release with an output schema has no retrieval: give it what it needs in the question.',
    });
  }
  let schema: unknown;
  try {
    schema = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw malformed(`not JSON: ${messageOf(cause)}`, cause);
  }
  if (typeof schema !== 'object' || schema === null || (schema as JsonSchema)['type'] !== 'object') {
    throw malformed('expected a JSON Schema with "type": "object"');
  }
  try {
    compileSchema(schema as JsonSchema);
  } catch (cause) {
    throw malformed(`cannot be enforced: ${messageOf(cause)}`, cause);
  }
  return schema as JsonSchema;
}
