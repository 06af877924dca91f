// A small authorization server on loopback: metadata (RFC 8414), the client credentials grant with a secret or a signed assertion, and
// what a resource server asks of it: whether a token holds for it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { CryptoKey } from 'jose';
import { jwtVerify } from 'jose';

export const CLIENT_ID = 'worker:1';
/** With all that a form encodes. */
export const CLIENT_SECRET = 'geheim %+:/=&é-canary-4711';

export interface TokenAsked {
  readonly params: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
}

interface Issued {
  readonly resource: string | undefined;
  holds: boolean;
}

export interface OAuthServer {
  readonly issuer: string;
  /** Requests for a token, oldest first. */
  readonly asked: readonly TokenAsked[];
  /** All that were given. */
  tokens(): readonly string[];
  /** Whether the header carries a token that holds, for the resource where one was named. */
  accepts(authorization: string | undefined, resource: string): boolean;
  /** No token holds any more. */
  revoke(): void;
  /** Answers requests for a path in another way. */
  readonly answers: Map<string, (response: ServerResponse, request: IncomingMessage) => void>;
  close(): Promise<void>;
}

export interface OAuthServerOptions {
  /** As `expires_in` says. @default 3600 */
  readonly lifetimeSeconds?: number;
  /** Of clients that sign. @default none */
  readonly publicKey?: CryptoKey;
  /** @default none are named */
  readonly authMethods?: readonly string[];
  /** @default 0, any */
  readonly port?: number;
}

export async function startOAuthServer(options: OAuthServerOptions = {}): Promise<OAuthServer> {
  const { lifetimeSeconds = 3_600, publicKey, authMethods, port = 0 } = options;
  const asked: TokenAsked[] = [];
  const issued = new Map<string, Issued>();
  const answers: OAuthServer['answers'] = new Map();
  const http = createServer(async (request, response) => {
    const { url = '', headers } = request;
    const other = answers.get(url);
    if (other !== undefined) return other(response, request);
    if (url === '/.well-known/oauth-authorization-server') {
      return json(response, 200, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        response_types_supported: ['code'],
        ...(authMethods !== undefined && { token_endpoint_auth_methods_supported: authMethods }),
      });
    }
    if (url !== '/token' || request.method !== 'POST') return void response.writeHead(404).end();
    const params = Object.fromEntries(new URLSearchParams(await text(request)));
    const { authorization } = headers;
    asked.push({ params, authorization });
    if (!(await isClient(params, authorization))) {
      // As a careless server does: with all that it was sent.
      const said = `not ${authorization} nor ${JSON.stringify(params)}, but ${CLIENT_SECRET}?`;
      return json(response, 401, { error: 'invalid_client', error_description: said });
    }
    if (params['grant_type'] !== 'client_credentials') return json(response, 400, { error: 'unsupported_grant_type' });
    const token = `token-canary-${issued.size}-${crypto.randomUUID()}`;
    issued.set(token, { resource: params['resource'], holds: true });
    json(response, 200, { access_token: token, token_type: 'Bearer', expires_in: lifetimeSeconds });
  });

  async function isClient(params: TokenAsked['params'], authorization: string | undefined): Promise<boolean> {
    const { client_assertion: assertion, client_id: id, client_secret: secret } = params;
    if (assertion !== undefined && publicKey !== undefined) {
      const expected = { issuer: CLIENT_ID, subject: CLIENT_ID, audience: issuer, maxTokenAge: 60 };
      return await jwtVerify(assertion, publicKey, expected).then(
        () => true,
        () => false,
      );
    }
    if (id !== undefined && authMethods?.includes('client_secret_post') === true) {
      return id === CLIENT_ID && secret === CLIENT_SECRET;
    }
    const pair = Buffer.from(authorization?.replace(/^Basic /, '') ?? '', 'base64').toString();
    const [name, password] = pair.split(':').map((part) => new URLSearchParams(`x=${part}`).get('x'));
    return name === CLIENT_ID && password === CLIENT_SECRET;
  }

  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return {
    issuer,
    asked,
    tokens: () => [...issued.keys()],
    accepts(authorization, resource) {
      const found = issued.get(authorization?.replace(/^Bearer /, '') ?? '');
      return found?.holds === true && (found.resource === undefined || found.resource === resource);
    },
    revoke() {
      for (const token of issued.values()) token.holds = false;
    },
    answers,
    close: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
