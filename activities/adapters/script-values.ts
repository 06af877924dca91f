// What a script's placeholders stand for: groups of the task, results of calls, and what was said about a call that failed.
import { z } from 'zod';
import { canonicalJson } from '../../runtime/canonical.ts';
import type { Prompt, PromptMessage } from '../../workflows/protocol/index.ts';

export interface PlayedCall {
  readonly tool: string;
  readonly status: string;
  readonly message: string;
  /** Absent where the tool gave none, or its text was cut and is no JSON any more. */
  readonly result?: unknown;
}

export interface LookUp {
  /** Named groups of the task's pattern. */
  readonly groups: Readonly<Record<string, unknown>>;
  /** Every call of the run so far, oldest first. */
  readonly calls: readonly PlayedCall[];
  /** What to throw for a placeholder that stands for nothing. */
  fail(what: string): Error;
}

const resultSchema = z.object({ status: z.string(), message: z.string().optional(), result: z.unknown().optional() });
const ONE_PLACEHOLDER = /^\$\{([^{}]+)\}$/;
const PLACEHOLDERS = /\$\{([^{}]*)\}/g;

/** The calls of each turn so far, with what came of them. */
export function playedTurns(prompt: Prompt): readonly (readonly PlayedCall[])[] {
  const turns: PlayedCall[][] = [];
  for (const message of prompt.messages) {
    if (message.role === 'assistant' && (message.toolCalls?.length ?? 0) > 0) turns.push([]);
    if (message.role === 'tool') turns.at(-1)?.push(playedCall(message));
  }
  return turns;
}

function playedCall({ parts }: PromptMessage): PlayedCall {
  const text = parts.map((part) => part.text).join('');
  const tool = parts[0]?.origin.replace(/^tool:/, '') ?? '';
  const { data } = resultSchema.safeParse(parsedOrUndefined(text));
  // Only what a tool gave back is long enough to be cut, and only a call that was done gave something back.
  if (data === undefined)
    return { tool, status: parts.some((part) => part.resultOf) ? 'done' : 'unknown', message: '' };
  const { status, message = '', result } = data;
  return { tool, status, message, ...(result !== undefined && { result }) };
}

/** The value with its placeholders filled in. A string that is nothing but one placeholder becomes the value itself. */
export function fill(value: unknown, lookUp: LookUp): unknown {
  if (typeof value === 'string') {
    const [, only] = ONE_PLACEHOLDER.exec(value) ?? [];
    if (only !== undefined) return valueAt(only, lookUp);
    return value.replace(PLACEHOLDERS, (_, name: string) => asText(valueAt(name, lookUp)));
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, lookUp));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fill(member, lookUp)]));
}

function valueAt(placeholder: string, { groups, calls, fail }: LookUp): unknown {
  const value = find(placeholder, groups, calls);
  if (value === undefined) throw fail(`has a placeholder \${${placeholder}} that stands for nothing here`);
  return value;
}

function find(placeholder: string, groups: LookUp['groups'], calls: LookUp['calls']): unknown {
  if (placeholder === 'message') return calls.findLast((call) => call.status !== 'done')?.message;
  const [kind, tool, ...path] = placeholder.split('.');
  if (kind !== 'result' || tool === undefined) return member(groups, placeholder);
  const latest = calls.findLast((call) => call.tool === tool && call.result !== undefined);
  return path.reduce(member, latest?.result);
}

const member = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;

const asText = (value: unknown): string => (typeof value === 'string' ? value : canonicalJson(value));

function parsedOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
