// Calls a tool as the funnel does, without the funnel.
import type { Tool, ToolContext } from '../../../activities/ports/tool.ts';

function contextOf(more: Partial<ToolContext> = {}): ToolContext {
  return {
    idempotencyKey: 'key-1',
    signal: AbortSignal.timeout(10_000),
    runId: 'default/run/01JD0000000000000000000000',
    principal: { id: 'staff', tenant: 'default', groups: [], roles: [], clearance: 'internal' },
    attempt: 1,
    setting: (name) => `value of ${name}`,
    search: async () => [],
    sensitivity: () => {},
    ...more,
  };
}

/** As the funnel calls it. */
export async function callTool(tool: Tool, args: unknown, more: Partial<ToolContext> = {}): Promise<unknown> {
  const context = contextOf(more);
  const held = tool.parse(args);
  await tool.confirm?.(context.signal);
  return await tool.run(held, context);
}
