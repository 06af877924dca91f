// `countersign/tools`: what the code of a tool needs. It runs in workers only, behind the funnel.

export type { Amount, AmountArguments, ToolAccess } from '../../workflows/protocol/index.ts';
export type { HttpServer, McpToolOptions, McpToolsOptions, StdioServer } from '../adapters/mcp/mcp-tools.ts';
export { mcpTools } from '../adapters/mcp/mcp-tools.ts';
export type { OAuthClient } from '../adapters/oauth/oauth-client.ts';
export type { OpenApiToolOptions, OpenApiToolsOptions } from '../adapters/openapi/openapi-tools.ts';
export { openApiTools } from '../adapters/openapi/openapi-tools.ts';
export type { Tool, ToolContext } from '../ports/tool.ts';
export type { CompensateSpec, ToolSpec } from './define-tool.ts';
export { defineTool } from './define-tool.ts';
export type { Setting } from './settings.ts';
export { ToolFailure } from './tool-failure.ts';
