// Reads files of lines, as eval sets and test collections have them: streamed, and refused by file and line. No opinion on what a line holds.
import { createReadStream } from 'node:fs';
import type { z } from 'zod';
import { UserError } from '../runtime/errors.ts';

export interface Line {
  readonly text: string;
  /** `FILE line N`. */
  readonly place: string;
}

/**
 * Lines that are not blank, without a byte order mark and the carriage returns of Windows. Split by hand: readline would also
 * split at U+2028, which may stand in JSON.
 *
 * @throws UserError when the file cannot be read
 */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  let number = 0;
  const lineOf = (raw: string): Line => {
    number += 1;
    const text = number === 1 ? raw.replace(/^\uFEFF/, '') : raw;
    return { text: text.replace(/\r$/, ''), place: `${path} line ${number}` };
  };
  let rest = '';
  for await (const chunk of chunksOf(path)) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.map(lineOf)) if (line.text.trim() !== '') yield line;
  }
  const last = lineOf(rest);
  if (last.text.trim() !== '') yield last;
}

async function* chunksOf(path: string): AsyncGenerator<string> {
  try {
    yield* createReadStream(path, 'utf8') as AsyncIterable<string>;
  } catch (cause) {
    throw new UserError(`Cannot read ${path}`, { cause, exitCode: 64 });
  }
}

/** What is wrong with a line. @param hint what a line has */
export const malformedLine = ({ place }: Line, what: string, hint: string, cause?: unknown): UserError =>
  new UserError(`${place}: ${what}`, { hint, exitCode: 64, ...(cause !== undefined && { cause }) });

/** @param hint what a line has. @throws UserError for a line that is not JSON, or does not fit */
export function parsedLine<Output>(line: Line, schema: z.ZodType<Output>, hint: string): Output {
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch (cause) {
    throw malformedLine(line, 'not JSON', hint, cause);
  }
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw malformedLine(line, `${issue?.path.join('.') || 'the line'}: ${issue?.message}`, hint);
}
