// The tools of a worker, by name. A release pins their definitions: a worker with another one refuses.
import { ApplicationFailure } from '@temporalio/common';
import { UserError } from '../runtime/errors.ts';
import type { Digest } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import type { Tool } from './ports/tool.ts';

export interface Toolbox {
  readonly names: readonly string[];
  /** @throws ApplicationFailure ToolChanged, non-retryable, when this worker has no tool of that definition */
  require(name: string, definitionHash: Digest): Tool;
}

/** @throws UserError for two tools of one name, and for one whose compensation is not there */
export function createToolbox(tools: Iterable<Tool>): Toolbox {
  const byName = new Map<string, Tool>();
  for (const tool of tools) {
    const { name } = tool.definition;
    if (byName.has(name)) throw new UserError(`Two tools are named ${name}`, { hint: 'Rename one.' });
    byName.set(name, tool);
  }
  for (const { definition } of byName.values()) {
    const { name, compensation } = definition;
    if (compensation === undefined || byName.has(compensation)) continue;
    throw new UserError(`Tool ${name} is undone by ${compensation}, which this worker does not have`, {
      hint: `Give the worker ${compensation}, too, or take \`compensate\` out of ${name}.`,
    });
  }
  return {
    names: [...byName.keys()],
    require(name, definitionHash) {
      const tool = byName.get(name);
      if (tool?.definitionHash === definitionHash) return tool;
      const what =
        tool === undefined
          ? 'this worker has no such tool'
          : 'the tool of this worker has another definition than the release pins';
      throw ApplicationFailure.nonRetryable(
        `Tool ${name}: ${what}. Publish the release again with the tools that the worker has, or deploy the worker that it was published with.`,
        Failure.ToolChanged,
      );
    },
  };
}
