// What an MCP server answered, as the result of a tool: structured content, else its text. Nothing else is kept.
import type { CallToolResult } from '@modelcontextprotocol/client';
import { visible } from '../../tools/preview.ts';
import { DoneWithoutResult, ToolFailure } from '../../tools/tool-failure.ts';
import { McpToolError } from './mcp-errors.ts';

const MAX_ERROR_CHARS = 500;

/**
 * @param errorsDoNothing whether the server's word is taken that a call which ended in an error did nothing
 * @throws ToolFailure, McpToolError for an error; DoneWithoutResult for content that is no text
 */
export function resultOf(result: CallToolResult, errorsDoNothing: boolean): unknown {
  const { content, structuredContent, isError = false } = result;
  if (isError && !errorsDoNothing) throw new McpToolError();
  if (isError) {
    const text = visible(textOf(content).slice(0, MAX_ERROR_CHARS));
    throw new ToolFailure(`The server answered with an error, and did nothing: ${text}`);
  }
  if (structuredContent !== undefined) return structuredContent;
  const others = [...new Set(content.map(({ type }) => type).filter((type) => type !== 'text'))].sort();
  if (others.length > 0) {
    throw new DoneWithoutResult(
      `It was done. It gave back ${others.join(', ')}, which is not kept: only text and JSON are.`,
    );
  }
  return textOf(content);
}

const textOf = (content: CallToolResult['content']): string =>
  content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
