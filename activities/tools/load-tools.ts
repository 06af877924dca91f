// Loads the tools of a worker from the module that its configuration names.
import { exportsOf, readToolsModule } from '../../runtime/tools-module.ts';
import type { Tool } from '../ports/tool.ts';
import type { OwnCheck } from '../validation/define-check.ts';
import { isCheck } from '../validation/define-check.ts';
import { isTool } from './define-tool.ts';

/**
 * Every export of the module that `defineTool` made, by the tool's name.
 *
 * @param path absolute
 * @throws UserError when it cannot be loaded, exports no tool, or two of one name
 */
export async function loadTools(path: string): Promise<ReadonlyMap<string, Tool>> {
  return await readToolsModule(path, isTool);
}

/** The checks of the same module, made by `defineCheck`. @throws UserError when it cannot be loaded */
export async function loadChecks(path: string): Promise<readonly OwnCheck[]> {
  return (await exportsOf(path)).filter(isCheck);
}
