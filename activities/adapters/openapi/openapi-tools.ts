// Operations of an HTTP service that an OpenAPI document describes, as tools of a worker.
import { messageOf, UserError } from '../../../runtime/errors.ts';
import type { Tool, ToolContext } from '../../ports/tool.ts';
import type { OutsideToolOptions } from '../../tools/outside-tool.ts';
import { makeOutsideTool, snakeCase } from '../../tools/outside-tool.ts';
import type { Setting } from '../../tools/settings.ts';
import { ToolFailure } from '../../tools/tool-failure.ts';
import type { Node } from './document.ts';
import { readDocument } from './document.ts';
import type { Operation } from './operation.ts';
import { readOperation } from './operation.ts';
import { buildRequest, wrongPlace } from './request.ts';
import { resultOf } from './response.ts';

const MAX_BYTES = 10 * 1024 * 1024;

export interface OpenApiToolOptions extends OutsideToolOptions {
  /** Header in which the service takes a key that it acts on once. It makes the tool idempotent. @default none */
  readonly idempotencyHeader?: string;
  /** True when the same request twice does what it does once. @default true for GET and HEAD, and with an `idempotencyHeader` */
  readonly idempotent?: boolean;
  /**
   * Statuses that certainly mean that nothing was done, beside those whose response says `x-countersign-nothing-done: true` in the
   * document. @default none; below 500 for GET and HEAD
   */
  readonly nothingDoneOn?: readonly number[];
}

export interface OpenApiToolsOptions {
  /** An OpenAPI 3 document, or the path of one (YAML or JSON). */
  readonly document: string | Node;
  /** Operations that become tools, by `operationId`. */
  readonly operations: Readonly<Record<string, OpenApiToolOptions>>;
  /** Every request goes to this host and below this path; what the document says of servers does not count. */
  readonly baseUrl: string;
  /** Sent with each request; secrets by the name of their `TOOL_*` variable, read when a call is made. @default none */
  readonly headers?: Readonly<Record<string, Setting>>;
  /** Before each name: `shop` makes `shop_refund_order`. @default none */
  readonly prefix?: string;
  /** Of a response, 1 to 33554432. @default 10485760 */
  readonly maxBytes?: number;
}

/**
 * Makes a tool of each operation. Its arguments are the operation's parameters and `body`; the fields of the body, where there is
 * nothing but a body. The body that is sent is the canonical JSON of what was approved.
 *
 * @throws UserError naming the operation and what of it cannot be sent exactly
 */
export function openApiTools(options: OpenApiToolsOptions): readonly Tool[] {
  const document = readDocument(options.document);
  const baseUrl = baseOf(options.baseUrl);
  return Object.entries(options.operations).map(([id, own]) => {
    try {
      return toolOf(readOperation(document, id, ownHeaders(options, own)), own, { ...options, baseUrl });
    } catch (cause) {
      throw new UserError(`Operation ${id}: ${messageOf(cause)}`, {
        hint: 'Leave it out, or correct the document.',
        cause,
      });
    }
  });
}

interface Service extends Omit<OpenApiToolsOptions, 'baseUrl'> {
  readonly baseUrl: URL;
}

function toolOf(operation: Operation, own: OpenApiToolOptions, service: Service): Tool {
  const { id, method, path, digest } = operation;
  const { baseUrl, prefix, maxBytes = MAX_BYTES } = service;
  const isSafe = method === 'GET' || method === 'HEAD';
  // A path that leads elsewhere is no path of ours, whatever is put into it.
  const sample = Object.fromEntries(operation.parameters.filter((p) => p.in === 'path').map(({ name }) => [name, 'x']));
  buildRequest({ ...operation, body: 'none' }, baseUrl, sample);
  const nothingDoneOn = [...operation.nothingDoneOn, ...(own.nothingDoneOn ?? [])];
  return makeOutsideTool({
    source: { kind: 'http', name: id, digest },
    description: operation.description,
    inputSchema: operation.inputSchema,
    idempotent: own.idempotent ?? (isSafe || own.idempotencyHeader !== undefined),
    options: { ...own, name: own.name ?? `${prefix === undefined ? '' : `${prefix}_`}${snakeCase(id)}` },
    headline: `${method} ${baseUrl.origin}${baseUrl.pathname.replace(/\/$/, '')}${path}`,
    alsoWrong: (args) => wrongPlace(operation, args),
    run: async (args, context) => {
      const request = buildRequest(operation, baseUrl, args as Readonly<Record<string, unknown>>);
      const { idempotencyHeader: header } = own;
      const headers = {
        ...request.headers,
        ...headersOf(service.headers ?? {}, context),
        ...(header !== undefined && { [header]: context.idempotencyKey }),
      };
      const { url, body = null } = request;
      const response = await send(url, { method, headers, body, signal: context.signal, redirect: 'manual' });
      return await resultOf(response, { isSafe, nothingDoneOn, maxBytes });
    },
  });
}

const NEVER_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (code === undefined || !NEVER_SENT.includes(code)) throw error;
    throw new ToolFailure(`${new URL(url).origin} cannot be reached (${code}). Nothing was done.`, { cause: error });
  }
}

function headersOf(headers: Readonly<Record<string, Setting>>, context: ToolContext): Record<string, string> {
  const sent = (value: Setting): string =>
    typeof value === 'string' ? value : `${value.after ?? ''}${context.setting(value.setting)}`;
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), sent(value)]));
}

const ownHeaders = ({ headers = {} }: OpenApiToolsOptions, { idempotencyHeader }: OpenApiToolOptions): string[] =>
  [...Object.keys(headers), ...(idempotencyHeader === undefined ? [] : [idempotencyHeader])].map((name) =>
    name.toLowerCase(),
  );

function baseOf(baseUrl: string): URL {
  const url = URL.parse(baseUrl);
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new UserError(`${JSON.stringify(baseUrl)} is not the base URL of an HTTP service`, {
      hint: 'Write it as https://api.example.com/v1.',
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new UserError('A base URL has no credentials', { hint: 'Put them into headers, by the name of a setting.' });
  }
  return url;
}
