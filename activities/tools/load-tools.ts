// Loads the tools of a worker from the module that its configuration names.
import { readToolsModule } from '../../runtime/tools-module.ts';
import type { Tool } from '../ports/tool.ts';
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
