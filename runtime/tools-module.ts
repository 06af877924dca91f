// The tools module: code of a user, named by COUNTERSIGN_TOOLS, whose exports are tools. Publishing reads definitions from it, the
// worker the tools themselves.
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Digest, ToolDefinition } from '../workflows/protocol/index.ts';
import { digestOf } from './canonical.ts';
import { messageOf, UserError } from './errors.ts';

/** A tool without its code. */
export interface DefinedTool {
  readonly definition: ToolDefinition;
  readonly definitionHash: Digest;
}

/**
 * The exports of a module that are tools or lists of them, by the tool's name. One that is exported twice counts once.
 *
 * @param path absolute
 * @throws UserError when it cannot be loaded, exports no tool, or two of one name
 */
export async function readToolsModule<T extends DefinedTool>(
  path: string,
  isTool: (value: unknown) => value is T,
): Promise<ReadonlyMap<string, T>> {
  const tools = new Map<string, T>();
  const exported = await exportsOf(path);
  for (const tool of new Set(exported.filter(isTool))) {
    const { name } = tool.definition;
    if (tools.has(name)) {
      throw new UserError(`The tools module ${path} exports two tools named ${name}`, { hint: 'Rename one of them.' });
    }
    if (digestOf(tool.definition) !== tool.definitionHash) {
      throw new UserError(`The tools module ${path}: the definition of ${name} does not match its hash`, {
        hint: 'Make tools with defineTool of countersign/tools.',
      });
    }
    tools.set(name, tool);
  }
  // It may be there for its checks.
  if (tools.size > 0 || exported.some(isMarkedCheck)) return tools;
  throw new UserError(`The tools module ${path} exports no tools`, {
    hint: 'Export what defineTool of countersign/tools gives back: export const refundOrder = defineTool({ … }).',
  });
}

/** What a check of `defineCheck` carries. */
export const CHECK_MARK = Symbol.for('countersign.check');

const isMarkedCheck = (value: unknown): boolean => typeof value === 'object' && value !== null && CHECK_MARK in value;

/** What a module exports, and what is in the lists that it exports. @throws UserError when it cannot be loaded */
export async function exportsOf(path: string): Promise<readonly unknown[]> {
  return Object.values(await importModule(path)).flatMap((value: unknown) => (Array.isArray(value) ? value : [value]));
}

/** What a release pins of the tools of a module. It runs the module's code, and none of its tools. */
export async function readToolDefinitions(path: string): Promise<ReadonlyMap<string, DefinedTool>> {
  return await readToolsModule(path, isDefined);
}

async function importModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  if (!existsSync(path)) {
    throw new UserError(`There is no tools module ${path}`, {
      hint: 'Name the file in COUNTERSIGN_TOOLS, or unset it.',
    });
  }
  try {
    return (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    const [firstLine = ''] = messageOf(cause).split('\n');
    const own = cause instanceof UserError ? cause.hint : undefined;
    throw new UserError(`The tools module ${path} cannot be loaded: ${firstLine}`, {
      hint: own ?? 'Correct it.',
      cause,
    });
  }
}

function isDefined(value: unknown): value is DefinedTool {
  if (typeof value !== 'object' || value === null) return false;
  const { definition, definitionHash } = value as Partial<Record<keyof DefinedTool, unknown>>;
  const isNamed = typeof definition === 'object' && definition !== null && 'name' in definition;
  return isNamed && typeof definition.name === 'string' && typeof definitionHash === 'string';
}
