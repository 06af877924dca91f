// Tools of an HTTP service and of an MCP server, for a worker in the test and for one in a process of its own.
import type { Tool } from '../../activities/ports/tool.ts';
import type { StdioServer } from '../../activities/tools/index.ts';
import { mcpTools, openApiTools } from '../../activities/tools/index.ts';
import { SHOP_DOCUMENT } from './http-shop.ts';

export interface OutsideServices {
  readonly httpUrl: string;
  readonly mcp: StdioServer;
}

/** `http_refund` passes the key on, `http_refund_once` does not; `mcp_refund` and `mcp_hang` of the MCP server; `mcp_change` changes it. */
export async function outsideTools({ httpUrl, mcp }: OutsideServices): Promise<readonly Tool[]> {
  const service = { document: SHOP_DOCUMENT, baseUrl: httpUrl };
  return [
    ...openApiTools({
      ...service,
      operations: { createRefund: { name: 'http_refund', idempotencyHeader: 'idempotency-key' } },
    }),
    ...openApiTools({ ...service, operations: { createRefund: { name: 'http_refund_once' } } }),
    ...(await mcpTools({
      server: mcp,
      prefix: 'mcp',
      tools: { refundOrder: { name: 'mcp_refund' }, hang: {}, change: { risk: 'low' } },
    })),
  ];
}
