// The tools module of a local stack whose user names none: that of the sample refund agent.
import { resolve } from 'node:path';
import { siblingModule } from '../../runtime/sibling-module.ts';

export const SAMPLE_TOOLS = siblingModule('../../examples/tools/index', import.meta.url);

/** @param named COUNTERSIGN_TOOLS; relative paths start at the working directory */
export const toolsModuleOf = (named: string | undefined): string =>
  named === undefined ? SAMPLE_TOOLS : resolve(named);
