// Temporal's remote codec over HTTP, for its UI and its CLI: POST …/decode gives back in clear what the caller may see. Nothing is
// encoded here, and no URL is logged: on a development stack the path is a secret.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Logger } from '../runtime/logger.ts';
import { allowedOrigin, authorise, requireLoopbackHost, uiOrigins } from './codec-access.ts';
import type { CodecBackend } from './codec-backend.ts';
import { createCodecLog } from './codec-log.ts';
import type { JsonPayload } from './decode-payloads.ts';
import { decodePayloads, payloadsSchema } from './decode-payloads.ts';
import { HttpError } from './http-error.ts';

const MAX_BODY_BYTES = 20 * 1024 * 1024;
const MAX_CONNECTIONS = 100;
/** `requestTimeout` is the time in which all of a request must have come. */
const TIMEOUTS_MS = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5000 };

export interface CodecServerOptions {
  /** Called for each request: on a development stack it may not be there yet. */
  readonly backend: () => Promise<CodecBackend>;
  readonly log: Pick<Logger, 'warn' | 'error'>;
  /** Pages that may ask, beside none. */
  readonly origins?: readonly string[];
  /**
   * Development stacks only: the path segment that stands for the development auditor. With it the server answers to loopback names
   * only, and to the pages of the stack's own UI.
   */
  readonly secret?: string;
}

/** Not listening yet. */
export function createCodecServer({ backend: open, log, origins = [], secret }: CodecServerOptions): Server {
  const securityLog = createCodecLog(log);

  async function answer(request: IncomingMessage, response: ServerResponse, backend: CodecBackend): Promise<void> {
    if (secret !== undefined) requireLoopbackHost(request);
    const ui = secret === undefined ? [] : uiOrigins(backend.config.temporal.uiUrl);
    allowPage(response, allowedOrigin(request, [...origins, ...ui]));
    const { verb, prefix } = routeOf(request);
    if (request.method === 'OPTIONS') return void response.writeHead(204, PREFLIGHT).end();
    if (request.method !== 'POST') throw new HttpError(405, 'Only POST is served');
    if (verb === 'encode') {
      throw new HttpError(403, 'Nothing is encoded here: runs are started and told through countersign, not by hand');
    }
    const reader = await authorise(request, backend, { secret, prefix });
    const payloads = await readPayloads(request);
    const namespace = request.headers['x-namespace'];
    const decoded = await decodePayloads(payloads, {
      backend,
      reader,
      namespace: typeof namespace === 'string' && namespace !== '' ? namespace : undefined,
      log,
    });
    await securityLog.read(backend.db, reader, decoded);
    send(response, 200, { payloads: decoded.payloads });
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let backend: CodecBackend | undefined;
    try {
      backend = await open().catch((cause: unknown) => {
        throw new HttpError(503, 'Not ready yet, or mis-set: the log of the codec server says more', { cause });
      });
      await answer(request, response, backend);
    } catch (error) {
      const { status, message, refused } = error instanceof HttpError ? error : UNAVAILABLE;
      if (status >= 500) log.error({ err: error }, 'a request could not be answered');
      if (refused !== undefined && backend !== undefined) await securityLog.refused(backend.db, refused);
      if (!response.headersSent) send(response, status, { error: message });
      // What is left of a body that was too big would stand before the next request.
      request.resume();
    }
  }

  const server = createServer(TIMEOUTS_MS, (request, response) => void handle(request, response));
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

const UNAVAILABLE = new HttpError(503, 'The codec server cannot answer now: its log says why');

const PREFLIGHT = {
  'access-control-allow-methods': 'POST',
  // The last one is the UI's, beside the token of whoever signed in there.
  'access-control-allow-headers': 'content-type, x-namespace, authorization, authorization-extras',
  'access-control-max-age': '600',
};

function allowPage(response: ServerResponse, origin: string | undefined): void {
  response.setHeader('vary', 'origin');
  if (origin === undefined) return;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-allow-credentials', 'true');
}

/** As the protocol has it, only the last part of the path counts: what is before it is for proxies, and for our secret. */
function routeOf({ url = '' }: IncomingMessage): { verb: 'decode' | 'encode'; prefix: string } {
  const [, prefix = '', verb] = /^([^?#]*)\/(decode|encode)$/.exec(url) ?? [];
  if (verb !== 'decode' && verb !== 'encode') throw new HttpError(404, 'Only …/decode is served');
  return { verb, prefix };
}

/** @throws HttpError 413, 415, 400 */
async function readPayloads(request: IncomingMessage): Promise<readonly JsonPayload[]> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new HttpError(415, 'The body must be application/json');
  }
  const text = await readBody(request);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // The parser's own words repeat what was sent.
    throw new HttpError(400, 'The body is not JSON');
  }
  const parsed = payloadsSchema.safeParse(body);
  if (parsed.success) return parsed.data.payloads;
  const tooMany = parsed.error.issues.some(({ code }) => code === 'too_big');
  if (tooMany) throw new HttpError(413, 'Too many payloads in one request: at most 1000');
  throw new HttpError(400, 'The body is not {"payloads":[{"metadata":{…},"data":"…"}]} with base64 texts');
}

async function readBody(request: IncomingMessage): Promise<string> {
  const tooBig = (): HttpError => new HttpError(413, `The body is too big: at most ${MAX_BODY_BYTES} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooBig();
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // Whoever sends too much gets an answer: the socket stays.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Buffer).byteLength;
      if (bytes > MAX_BODY_BYTES) throw tooBig();
      chunks.push(chunk as Buffer);
    }
  } catch (cause) {
    throw cause instanceof HttpError ? cause : new HttpError(400, 'The body did not come to its end', { cause });
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': text.byteLength,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}
