// The shop of mcp-shop.ts, running: as a process of its own, and over streamable HTTP in this one.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import type { HttpServer, StdioServer } from '../../activities/tools/index.ts';
import { listen } from './listen.ts';
import type { ReceivedCall } from './mcp-shop.ts';
import { mcpShop } from './mcp-shop.ts';

const PROCESS = fileURLToPath(new URL('./mcp-shop-process.ts', import.meta.url));

interface JsonRpc {
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly arguments?: unknown };
}

export interface Shop<Server> {
  readonly server: Server;
  /** Oldest first. */
  received(): readonly ReceivedCall[];
  close(): Promise<void>;
}

export function stdioShop(env: StdioServer['env'] = {}): Shop<StdioServer> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-mcp-'));
  const log = join(folder, 'calls.jsonl');
  writeFileSync(log, '');
  return {
    server: { command: process.execPath, args: [PROCESS, log], env },
    received: () =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as ReceivedCall),
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Who is let in: gives back how a request is refused, or nothing. */
export interface Door {
  refusal(request: DoorRequest): Refusal | undefined;
  /** At the well-known place of RFC 9728. @default none */
  metadata?(): unknown;
}

export interface DoorRequest {
  readonly authorization: string | undefined;
  /** Of JSON-RPC. */
  readonly method: string | undefined;
}

interface Refusal {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Once the request was worked on all the same. @default false */
  readonly late?: boolean;
}

export const bearer = (authorization: string): Door => ({
  refusal: (request) => (request.authorization === authorization ? undefined : { status: 401 }),
});

/** One session after the other, each with a shop of its own. */
export async function httpShop(door?: Door): Promise<Shop<HttpServer> & { endSessions(): void }> {
  const calls: ReceivedCall[] = [];
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>();
  const http = createServer(async (request, response) => {
    if (request.url?.startsWith('/.well-known/') === true) {
      const metadata = door?.metadata?.();
      if (metadata === undefined) return void response.writeHead(404).end();
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata));
    }
    const body = request.method === 'POST' ? ((await json(request)) as JsonRpc) : undefined;
    const { authorization, 'mcp-session-id': id } = request.headers;
    const refusal = door?.refusal({ authorization, method: body?.method });
    if (refusal !== undefined) {
      const { status, headers = {}, late = false } = refusal;
      if (late) calls.push({ tool: body?.params?.name ?? '', args: body?.params?.arguments, key: undefined });
      return void response.writeHead(status, headers).end();
    }
    const known = typeof id === 'string' ? sessions.get(id) : undefined;
    if (typeof id === 'string' && known === undefined) return void response.writeHead(404).end();
    const transport = known ?? (await newSession());
    await transport.handleRequest(request, response, body);
  });
  const newSession = async (): Promise<NodeStreamableHTTPServerTransport> => {
    const transport: NodeStreamableHTTPServerTransport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
    });
    await mcpShop((call) => calls.push(call)).connect(transport);
    return transport;
  };
  const { address, close } = await listen(http);
  return {
    server: { url: `${address}/mcp` },
    received: () => calls,
    endSessions: () => sessions.clear(),
    close,
  };
}
