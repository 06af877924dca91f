// Tools of an MCP server, as tools of a worker: their definitions are read once, when the module that makes them is loaded, and
// pinned by releases like those of our own.
import { basename } from 'node:path';
import type { Tool as McpTool } from '@modelcontextprotocol/client';
import { messageOf, UserError } from '../../../runtime/errors.ts';
import type { Tool } from '../../ports/tool.ts';
import type { OutsideToolOptions } from '../../tools/outside-tool.ts';
import { makeOutsideTool, snakeCase } from '../../tools/outside-tool.ts';
import type { Setting } from '../../tools/settings.ts';
import { readerOf, resolveHeaders, resolveSettings } from '../../tools/settings.ts';
import type { OAuthClient } from '../oauth/oauth-client.ts';
import type { McpServer } from './mcp-server.ts';

const DEFAULT_MAX_BYTES = 10 * 1024 * 1024;
const MAX_BYTES = 32 * 1024 * 1024;

/** A server that the worker starts. */
export interface StdioServer {
  /** Found on the `PATH` of `env`, if that has one; a path otherwise. */
  readonly command: string;
  readonly args?: readonly string[];
  /** Its whole environment: nothing is inherited. @default empty */
  readonly env?: Readonly<Record<string, Setting>>;
  /** @default the worker's */
  readonly cwd?: string;
}

/** A server that somebody else runs, over streamable HTTP. */
export interface HttpServer {
  readonly url: string;
  /** Secrets by the name of their `TOOL_*` variable. @default none */
  readonly headers?: Readonly<Record<string, Setting>>;
  /** Who the worker is to the server: an access token goes with each request. Over https, or to a loopback address. @default nobody */
  readonly oauth?: OAuthClient;
}

export interface McpToolOptions extends OutsideToolOptions {
  /**
   * True when the server acts once a key (`_meta["countersign/idempotency-key"]`), or the tool changes nothing: only then is a call
   * made again after a crash. What the server says of itself (`idempotentHint`, `readOnlyHint`) does not count. @default false
   */
  readonly idempotent?: boolean;
  /** True when a call that ends in an error (`isError`) certainly did nothing. @default false: a person has to find out */
  readonly errorsDoNothing?: boolean;
}

export interface McpToolsOptions {
  readonly server: StdioServer | HttpServer;
  /** Tools that are taken, by the server's own names. @default each that it lists, with risk `high` */
  readonly tools?: Readonly<Record<string, McpToolOptions>>;
  /** Before each name: `shop` makes `shop_refund_order`. @default none */
  readonly prefix?: string;
  /** Milliseconds of one attempt, where a tool does not say. @default 30000 */
  readonly timeoutMs?: number;
  /** Of one message of the server, 1 to 33554432. @default 10485760 */
  readonly maxBytes?: number;
  /** Milliseconds until the server must have answered the first questions. @default 30000 */
  readonly startTimeoutMs?: number;
  /** What `{ setting }` refers to. @default every `TOOL_*` variable of the environment */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Asks an MCP server for its tools and hangs up again; the first call opens a connection that is kept. Export what it gives back from
 * the tools module, or hand it to `createWorker`.
 *
 * A call is refused (`ToolChanged`) when the server's definition is another one than the release pins.
 *
 * @throws UserError when the server cannot be asked, does not have a tool that is named, or has one that cannot be enforced
 */
export async function mcpTools(options: McpToolsOptions): Promise<readonly Tool[]> {
  const label = labelOf(options.server);
  let server: McpServer | undefined;
  try {
    server = await connect(options, label);
    return await toolsOf(server, await server.list(), label, options);
  } catch (cause) {
    const own = cause instanceof UserError ? cause.hint : undefined;
    throw new UserError(`The MCP server ${label}: ${messageOf(cause)}`, {
      hint: own ?? 'Name the tools to take under `tools`, and leave out those that cannot be.',
      cause,
    });
  } finally {
    await server?.close();
  }
}

async function toolsOf(
  server: McpServer,
  listed: readonly McpTool[],
  label: string,
  options: McpToolsOptions,
): Promise<readonly Tool[]> {
  const { definitionDigest } = await import('./mcp-server.ts');
  const { resultOf } = await import('./mcp-result.ts');
  const byName = new Map(listed.map((tool) => [tool.name, tool]));
  const wanted: Readonly<Record<string, McpToolOptions>> =
    options.tools ?? Object.fromEntries(listed.map(({ name }) => [name, {}]));
  return Object.entries(wanted).map(([name, own]) => {
    const given = byName.get(name);
    if (given === undefined) throw new Error(`it has no tool ${name}`);
    const digest = definitionDigest(given);
    const prefix = options.prefix === undefined ? '' : `${options.prefix}_`;
    const timeoutMs = own.timeoutMs ?? options.timeoutMs ?? 30_000;
    return makeOutsideTool({
      source: { kind: 'mcp', name, digest },
      description: given.description ?? '',
      inputSchema: given.inputSchema,
      idempotent: own.idempotent ?? false,
      options: { ...own, name: own.name ?? `${prefix}${snakeCase(name)}`, timeoutMs },
      headline: `${name} of the MCP server ${label}`,
      confirm: (signal) => server.confirm(name, digest, signal),
      run: async (args, { signal, idempotencyKey }) => {
        const call = { tool: name, digest, args: args as Readonly<Record<string, unknown>>, signal, timeoutMs };
        return resultOf(await server.call({ ...call, idempotencyKey }), own.errorsDoNothing ?? false);
      },
      close: () => server.close(),
    });
  });
}

/** The client is loaded only where there is a server. */
async function connect(options: McpToolsOptions, label: string): Promise<McpServer> {
  const { McpServer: Server } = await import('./mcp-server.ts');
  const { server, settings, startTimeoutMs = 30_000, maxBytes = DEFAULT_MAX_BYTES } = options;
  if (!Number.isInteger(maxBytes) || maxBytes < 1 || maxBytes > MAX_BYTES) {
    throw new UserError(`maxBytes is a whole number of bytes from 1 to ${MAX_BYTES}`, { hint: 'Correct it.' });
  }
  if ('url' in server) {
    const { httpTransport } = await import('./http-transport.ts');
    const { AccessTokens } = await import('../oauth/access-tokens.ts');
    const { url, oauth } = server;
    const headers = resolveHeaders(server.headers ?? {}, settings);
    const tokens = oauth === undefined ? {} : { tokens: new AccessTokens({ oauth, server: new URL(url), headers }) };
    const endpoint = { url, headers, read: readerOf(settings), maxBytes, ...tokens };
    return new Server({
      label,
      startTimeoutMs,
      inOrder: false,
      open: (onFault) => httpTransport({ ...endpoint, onFault }),
    });
  }
  const { StdioTransport } = await import('./stdio-transport.ts');
  const env = resolveSettings(server.env ?? {}, settings);
  const { command, args = [], cwd } = server;
  return new Server({
    label,
    startTimeoutMs,
    inOrder: true,
    open: (onFault) => new StdioTransport({ command, args, env, maxBytes, onFault, ...(cwd !== undefined && { cwd }) }),
  });
}

/** Without arguments, query or credentials: it is shown to people, and may be logged. */
function labelOf(server: StdioServer | HttpServer): string {
  if (!('url' in server)) return basename(server.command);
  const url = URL.parse(server.url);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new UserError('The url of an MCP server is http or https, without credentials', {
      hint: 'Put secrets into headers: { authorization: { setting: "TOOL_…" } }.',
    });
  }
  return `${url.origin}${url.pathname}`;
}
