// Who may ask the codec server: a bearer token, or on a development stack the secret path that the stack gave its own UI.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { developmentIdentity } from '../policies/development-identities.ts';
import type { Reader } from '../runtime/codec-token.ts';
import { READER_ROLES, verifyCodecToken } from '../runtime/codec-token.ts';
import { messageOf } from '../runtime/errors.ts';
import { DEFAULT_TENANT } from '../workflows/protocol/index.ts';
import type { CodecBackend } from './codec-backend.ts';
import { HttpError } from './http-error.ts';

/** Whom the secret path stands for. */
const UI_IDENTITY = 'auditor';
const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

/**
 * The principal behind a request.
 *
 * @param secret the path segment that stands for the development auditor, if there is one
 * @param prefix what the request's path has before `/decode`
 * @throws HttpError 401 without a token that holds, 403 without a role
 */
export async function authorise(
  request: IncomingMessage,
  { config, verifier }: Pick<CodecBackend, 'config' | 'verifier'>,
  { secret, prefix }: { readonly secret: string | undefined; readonly prefix: string },
): Promise<Reader> {
  const reader =
    secret !== undefined && isSame(prefix, `/${secret}`) ? developmentAuditor(config) : await bearer(request, verifier);
  if (reader.roles.some((role) => READER_ROLES.includes(role))) return reader;
  throw new HttpError(403, `${reader.id} has none of the roles that may read payloads: ${READER_ROLES.join(', ')}`, {
    refused: { reason: `${reader.id} has no role that may read`, tenant: reader.tenant },
  });
}

async function bearer({ headers }: IncomingMessage, verifier: CodecBackend['verifier']): Promise<Reader> {
  const token = /^Bearer ([\w.-]+)$/i.exec(headers.authorization ?? '')?.[1];
  if (token === undefined) throw unauthorised('no bearer token');
  try {
    return await verifyCodecToken(verifier, token);
  } catch (cause) {
    throw unauthorised(messageOf(cause), cause);
  }
}

const unauthorised = (reason: string, cause?: unknown): HttpError =>
  new HttpError(401, `Not authorised: ${reason}. \`countersign codec token\` makes a token.`, {
    refused: { reason },
    cause,
  });

function developmentAuditor(config: CodecBackend['config']): Reader {
  try {
    return developmentIdentity(config, UI_IDENTITY, DEFAULT_TENANT);
  } catch (cause) {
    throw new HttpError(403, `The path stands for nobody here: ${messageOf(cause)}`, {
      refused: { reason: `there is no development identity ${UI_IDENTITY}` },
      cause,
    });
  }
}

/** Takes as long wherever they differ. */
const isSame = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** A page whose name was made to point at this machine still sends its own name. @throws HttpError 403 */
export function requireLoopbackHost({ headers, socket }: IncomingMessage): void {
  if (LOOPBACK_NAMES.some((name) => headers.host === `${name}:${socket.localPort}`)) return;
  throw new HttpError(403, 'This server is asked for by a loopback address with its port only', {
    refused: { reason: 'the Host is not a loopback name' },
  });
}

/** The page that asks, if one does. Others than browsers send none. @throws HttpError 403 for one that may not */
export function allowedOrigin({ headers }: IncomingMessage, allowed: readonly string[]): string | undefined {
  const { origin } = headers;
  if (origin === undefined || allowed.includes(origin)) return origin;
  throw new HttpError(403, 'Pages of this origin may not ask. `--allow-origin` names those that may.', {
    refused: { reason: 'the Origin is not allowed' },
  });
}

/** The UI's origin by both names of the loopback address: people type either. */
export function uiOrigins(uiUrl: string | undefined): readonly string[] {
  if (uiUrl === undefined) return [];
  const { origin, port, protocol } = new URL(uiUrl);
  return [...new Set([origin, ...['127.0.0.1', 'localhost'].map((name) => `${protocol}//${name}:${port}`)])];
}
