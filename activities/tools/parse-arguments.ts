// The arguments of a call held against the schema of its tool, once. What breaks it is named field by field, without values.
import type { z } from 'zod';
import { canonicalJson } from '../../runtime/canonical.ts';
import { MAX_REASON_CHARS, MAX_TOOL_ARGUMENTS_BYTES } from '../../workflows/protocol/index.ts';
import { NotJsonError, toJsonValue } from './json-value.ts';
import { ToolArgumentsError } from './tool-failure.ts';

const MAX_PROBLEMS = 20;
const MAX_NAME_CHARS = 64;

/** @throws ToolArgumentsError naming each field at fault */
export function parseArguments(tool: string, schema: z.ZodObject, args: unknown): unknown {
  const given = asJson(tool, args);
  const parsed = held(tool, schema, given);
  if (!parsed.success) throw refused(tool, parsed.error.issues.flatMap(problemsOf));
  const result = asJson(tool, parsed.data);
  const bytes = Buffer.byteLength(canonicalJson(result));
  if (bytes > MAX_TOOL_ARGUMENTS_BYTES) {
    throw refused(tool, [`they have ${bytes} bytes of JSON; at most ${MAX_TOOL_ARGUMENTS_BYTES} are taken`]);
  }
  return result;
}

function asJson(tool: string, value: unknown): unknown {
  try {
    return toJsonValue(value);
  } catch (error) {
    if (error instanceof NotJsonError) throw refused(tool, [`${nameOf(error.path)}: ${error.message}`]);
    throw error;
  }
}

function held(tool: string, schema: z.ZodObject, args: unknown): z.ZodSafeParseResult<unknown> {
  try {
    return schema.safeParse(args);
  } catch (error) {
    // A refinement or transform that throws, or is async. Its message may repeat a value.
    const what = error instanceof Error ? error.name : 'something';
    throw refused(tool, [`the tool's schema threw ${what} on them`]);
  }
}

function problemsOf(issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${nameOf([...issue.path, key])}: there is no such argument`);
  }
  return [`${nameOf(issue.path)}: ${issue.message.replace(/^Invalid input: /, '')}`];
}

function refused(tool: string, problems: readonly string[]): ToolArgumentsError {
  const more = problems.length - MAX_PROBLEMS;
  const listed = more > 0 ? [...problems.slice(0, MAX_PROBLEMS), `and ${more} more`] : problems;
  return new ToolArgumentsError(`Arguments of ${tool}: ${listed.join('; ')}`.slice(0, MAX_REASON_CHARS));
}

/** `items.0.id`. Names that a model made up are quoted and cut: they may hold anything. */
function nameOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'all of them';
  return path
    .map(String)
    .map((name) => (/^[\w-]{1,64}$/.test(name) ? name : JSON.stringify(name.slice(0, MAX_NAME_CHARS))))
    .join('.');
}
