// `countersign/tools`: what the code of a tool needs. It runs in workers only, behind the funnel.

export type { Tool, ToolContext } from '../ports/tool.ts';
export type { ToolSpec } from './define-tool.ts';
export { defineTool } from './define-tool.ts';
export { ToolFailure } from './tool-failure.ts';
