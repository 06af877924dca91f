// Checks a script when its release is loaded: what would only show in the middle of a run is found before it is published.
import { UserError } from '../runtime/errors.ts';
import { check } from './check.ts';
import type { Script } from './script.ts';
import { scriptSchema } from './script.ts';

export interface ScriptSource {
  /** Parsed YAML. */
  readonly value: unknown;
  readonly path: string;
  /** Names that the manifest lists. */
  readonly tools: readonly string[];
}

/** @throws UserError naming the file, the rule and what is wrong with it */
export function readScript({ value, path, tools }: ScriptSource): Script {
  const script = check(scriptSchema, value, path);
  script.rules.forEach((rule, index) => {
    const problem = problemOf(rule, tools);
    if (problem === undefined) return;
    throw new UserError(`${path}: rules.${index}: ${problem}`, {
      hint: 'releases/script.ts says how a script is read.',
    });
  });
  return script;
}

type Rule = Script['rules'][number];

function problemOf({ task, example, turns }: Rule, tools: readonly string[]): string | undefined {
  const pattern = patternOf(task);
  if (pattern === undefined) return 'task is not a regular expression';
  if (!pattern.test(example)) return 'its task does not match its own example';
  const last = turns.length - 1;
  for (const [i, turn] of turns.entries()) {
    if ('say' in turn !== (i === last)) return `turns.${i}: every turn but the last calls tools, and the last one says`;
    const unknown = 'calls' in turn ? turn.calls.find(({ tool }) => !tools.includes(tool)) : undefined;
    if (unknown !== undefined) return `turns.${i}: it calls ${unknown.tool}, which the manifest does not list`;
  }
  return undefined;
}

function patternOf(task: string): RegExp | undefined {
  try {
    return new RegExp(task, 'iu');
  } catch {
    return undefined;
  }
}
