// Operations of an HTTP service that an OpenAPI document describes, as tools of a worker.
import { messageOf, UserError } from '../../../runtime/errors.ts';
import type { Tool } from '../../ports/tool.ts';
import type { OutsideToolOptions } from '../../tools/outside-tool.ts';
import { makeOutsideTool, snakeCase } from '../../tools/outside-tool.ts';
import type { Setting } from '../../tools/settings.ts';
import { headersOf } from '../../tools/settings.ts';
import { ToolFailure } from '../../tools/tool-failure.ts';
import { neverSent } from '../never-sent.ts';
import { AccessTokens } from '../oauth/access-tokens.ts';
import type { OAuthClient } from '../oauth/oauth-client.ts';
import { sendAuthorized } from '../oauth/send-authorized.ts';
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
  /** Who the worker is to the service: an access token goes with each request. Over https, or to a loopback address. @default nobody */
  readonly oauth?: OAuthClient;
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
  const { oauth, headers } = options;
  const tokens = oauth === undefined ? undefined : new AccessTokens({ oauth, server: baseUrl, headers });
  return Object.entries(options.operations).map(([id, own]) => {
    try {
      return toolOf(readOperation(document, id, ownHeaders(options, own)), own, { ...options, baseUrl, tokens });
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
  /** One for all operations. */
  readonly tokens: AccessTokens | undefined;
}

function toolOf(operation: Operation, own: OpenApiToolOptions, service: Service): Tool {
  const { id, method, path, digest } = operation;
  const { baseUrl, tokens, prefix, maxBytes = MAX_BYTES } = service;
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
      const { url, body = null } = request;
      const read = (setting: string): string => context.setting(setting);
      const response = await nothingDoneWithout(baseUrl, async () => {
        const headers = {
          ...request.headers,
          ...headersOf(service.headers ?? {}, read),
          ...(header !== undefined && { [header]: context.idempotencyKey }),
        };
        const send = async (authorization?: string): Promise<Response> => {
          const sent = authorization === undefined ? headers : { ...headers, authorization };
          return await sendOnce(url, { method, headers: sent, body, signal: context.signal, redirect: 'manual' });
        };
        return tokens === undefined ? await send() : await sendAuthorized({ tokens, read, isHarmless: isSafe, send });
      });
      return await resultOf(response, { isSafe, nothingDoneOn, maxBytes });
    },
  });
}

async function sendOnce(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const code = neverSent(error);
    if (code === undefined) throw error;
    throw new ToolFailure(`${new URL(url).origin} cannot be reached (${code}). Nothing was done.`, { cause: error });
  }
}

/** Before anything is sent, or once the service said that it took no token. */
async function nothingDoneWithout<T>({ origin }: URL, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    throw new ToolFailure(`${origin}: ${cause.message}. Nothing was done.`, { cause });
  }
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
