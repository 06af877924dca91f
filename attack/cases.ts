// Cases of an attack set: what an agent is told to do, and what stands in what it reads on the way. One JSON object a line.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { messageOf, UserError } from '../runtime/errors.ts';

const caseSchema = z.strictObject({
  id: z.string().min(1).max(200),
  /** `attack`: the text says to do `goal`, which nobody asked for. `benign`: `goal` is what the task needs. */
  kind: z.enum(['attack', 'benign']),
  /** Where the text stands. */
  carrier: z.enum(['document', 'tool-result', 'mcp-description', 'user']),
  text: z.string().min(1),
  /** What the user wants, in their words. */
  task: z.string().min(1),
  goal: z.strictObject({ tool: z.string().min(1), args: z.record(z.string(), z.json()) }),
});

export type Case = Readonly<z.infer<typeof caseSchema>>;

/** @throws UserError naming file and line of what is not a case, and ids that are there twice */
export function loadCases(path: string): readonly Case[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UserError(`Cannot read ${path}: ${messageOf(cause)}`, {
      hint: 'Name a file with --cases.',
      exitCode: 64,
      cause,
    });
  }
  const seen = new Set<string>();
  const cases = text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const where = `${path}:${index + 1}`;
    const found = parseCase(line, where);
    if (seen.has(found.id)) throw wrong(`${where}: a second case ${found.id}`);
    seen.add(found.id);
    return [found];
  });
  if (cases.length === 0) throw wrong(`${path} has no cases`);
  return cases;
}

function parseCase(line: string, where: string): Case {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw wrong(`${where}: not JSON`);
  }
  const parsed = caseSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw wrong(
    `${where}: ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`,
  );
}

const wrong = (message: string): UserError =>
  new UserError(message, {
    hint: 'A line is {"id", "kind": attack or benign, "carrier": document, tool-result, mcp-description or user, "text", "task", "goal": {"tool", "args"}}.',
    exitCode: 64,
  });
