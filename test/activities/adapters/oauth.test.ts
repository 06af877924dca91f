// Access tokens for MCP servers and HTTP services: asked for with a worker's own credentials, sent to one server only, renewed once when
// they are refused, and shown nowhere.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportPKCS8, generateKeyPair } from 'jose';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Tool } from '../../../activities/ports/tool.ts';
import type { McpToolsOptions, OAuthClient } from '../../../activities/tools/index.ts';
import { mcpTools, openApiTools } from '../../../activities/tools/index.ts';
import { UserError } from '../../../runtime/errors.ts';
import { errorOf } from '../../support/error-of.ts';
import type { HttpShop } from '../../support/http-shop.ts';
import { answer, SHOP_DOCUMENT, startHttpShop } from '../../support/http-shop.ts';
import type { Door, DoorRequest } from '../../support/mcp-shops.ts';
import { httpShop } from '../../support/mcp-shops.ts';
import type { OAuthServer, OAuthServerOptions } from '../../support/oauth-server.ts';
import { CLIENT_ID, CLIENT_SECRET, json, startOAuthServer } from '../../support/oauth-server.ts';
import { callTool } from '../tools/call-tool.ts';

const toClose: { close?(): Promise<void> }[] = [];
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const each of toClose.splice(0).reverse()) await each.close?.();
});
const kept = <T extends { close?(): Promise<void> }>(each: T): T => {
  toClose.push(each);
  return each;
};

const rsaKey = await exportPKCS8((await generateKeyPair('RS256', { extractable: true })).privateKey);
const ORDER = { order: 'A-1' };
const SETTINGS = { TOOL_SHOP_SECRET: CLIENT_SECRET };
const startServer = async (options?: OAuthServerOptions): Promise<OAuthServer> => kept(await startOAuthServer(options));
const clientOf = ({ issuer }: Pick<OAuthServer, 'issuer'>): OAuthClient => ({
  issuer,
  clientId: CLIENT_ID,
  clientSecret: { setting: 'TOOL_SHOP_SECRET' },
});

/** A shop that lets in who has a token of the server for it; `refusal` goes first. */
async function shopOf(server: OAuthServer, more: Partial<Door> = {}) {
  const shop: Awaited<ReturnType<typeof httpShop>> = kept(
    await httpShop({
      refusal(request) {
        const own = more.refusal?.(request);
        if (own !== undefined) return own;
        const challenge = { 'www-authenticate': 'Bearer error="invalid_token"' };
        return server.accepts(request.authorization, shop.server.url) ? undefined : { status: 401, headers: challenge };
      },
      metadata: more.metadata ?? (() => ({ resource: shop.server.url, authorization_servers: [server.issuer] })),
    }),
  );
  return shop;
}

async function lookUp(url: string, oauth: OAuthClient, more: Partial<McpToolsOptions> = {}): Promise<Tool> {
  const tools = { 'look-up': { idempotent: true }, refundOrder: {} };
  const [tool] = await mcpTools({ server: { url, oauth }, settings: SETTINGS, tools, ...more });
  if (tool === undefined) throw new Error('no tool');
  return kept(tool);
}

describe('an MCP server that wants an access token', () => {
  it('gets one that was asked for it, with a secret that is encoded as the standard has it', async () => {
    const server = await startServer();
    const { server: shop } = await shopOf(server);
    const tool = await lookUp(shop.url, { ...clientOf(server), scope: 'orders.read' });
    expect(await callTool(tool, ORDER)).toBe('order A-1 is paid');
    expect(await callTool(tool, ORDER)).toBe('order A-1 is paid');
    expect(server.asked.map(({ params }) => params)).toEqual([
      { grant_type: 'client_credentials', scope: 'orders.read', resource: shop.url },
    ]);
  });

  it.each(['client_secret_post', 'private_key_jwt'])('gets one where the server knows %s only', async (method) => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const server = await startServer({ authMethods: [method], publicKey });
    const { server: shop } = await shopOf(server);
    const { clientSecret, ...client } = clientOf(server);
    const own = method === 'private_key_jwt' ? { privateKey: { setting: 'TOOL_SHOP_KEY' } } : { clientSecret };
    // As in a file of variables, which has no line ends in a value.
    const key = (await exportPKCS8(privateKey)).replaceAll('\n', '\\n');
    const settings = { ...SETTINGS, TOOL_SHOP_KEY: key };
    expect(await callTool(await lookUp(shop.url, { ...client, ...own } as OAuthClient, { settings }), ORDER)).toBe(
      'order A-1 is paid',
    );
    expect(server.asked.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it('that publishes no metadata gets one for its URL', async () => {
    const server = await startServer();
    const { server: shop } = await shopOf(server, { metadata: () => undefined });
    expect(await callTool(await lookUp(shop.url, clientOf(server)), ORDER)).toBe('order A-1 is paid');
    expect(server.asked.map(({ params }) => params['resource'])).toEqual([shop.url]);
    await callTool(await lookUp(shop.url, { ...clientOf(server), resource: false }), ORDER);
    expect(server.asked.at(-1)?.params).toEqual({ grant_type: 'client_credentials' });
  });

  it('gets another shortly before one ends, and the same until then', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const server = await startServer({ lifetimeSeconds: 600 });
    const { server: shop } = await shopOf(server);
    const tool = await lookUp(shop.url, clientOf(server));
    await callTool(tool, ORDER);
    vi.advanceTimersByTime(560_000);
    await callTool(tool, ORDER);
    expect(server.tokens()).toHaveLength(1);
    vi.advanceTimersByTime(15_000);
    await callTool(tool, ORDER);
    expect(server.tokens()).toHaveLength(2);
  });

  it('gets one for many calls at once', async () => {
    const server = await startServer();
    const { server: shop } = await shopOf(server);
    const tool = await lookUp(shop.url, clientOf(server));
    await callTool(tool, ORDER);
    server.revoke();
    await Promise.all([1, 2, 3, 4].map(async () => expect(await callTool(tool, ORDER)).toBe('order A-1 is paid')));
    expect(server.tokens()).toHaveLength(2);
  });

  it('that refuses one in the middle of a run gets another, once', async () => {
    const server = await startServer();
    const { server: shop, received } = await shopOf(server);
    const tool = await lookUp(shop.url, clientOf(server));
    await callTool(tool, ORDER);
    server.revoke();
    expect(await callTool(tool, ORDER)).toBe('order A-1 is paid');
    expect(received()).toHaveLength(2);
    expect(server.tokens()).toHaveLength(2);
  });

  it('that refuses the call itself for its token gets the call once more, with another', async () => {
    const server = await startServer();
    let refusals = 1;
    const refusal = ({ method }: DoorRequest) => {
      if (method !== 'tools/call' || refusals === 0) return undefined;
      refusals -= 1;
      return { status: 401, headers: { 'www-authenticate': 'Bearer realm="shop", error="invalid_token"' } };
    };
    const { server: shop, received } = await shopOf(server, { refusal });
    expect(await callTool(await lookUp(shop.url, clientOf(server)), ORDER)).toBe('order A-1 is paid');
    expect(received()).toHaveLength(1);
    expect(server.tokens()).toHaveLength(2);
  });

  it('that answers a call with a bare 401 does not get it again: it may come from behind the effect', async () => {
    const server = await startServer();
    const refusal = ({ method }: DoorRequest) => (method === 'tools/call' ? { status: 401, late: true } : undefined);
    const { server: shop, received } = await shopOf(server, { refusal });
    const error = await errorOf(callTool(await lookUp(shop.url, clientOf(server)), ORDER));
    expect(error).toMatchObject({ name: 'Http401' });
    expect(received()).toHaveLength(1);
  });

  it('that takes no token has certainly done nothing, and is not asked without end', async () => {
    const server = await startServer();
    let isShut = false;
    const headers = { 'www-authenticate': 'Bearer error="invalid_token"' };
    const { server: shop, received } = await shopOf(server, {
      refusal: ({ method }) => (isShut && method === 'tools/call' ? { status: 401, headers } : undefined),
    });
    const tool = await lookUp(shop.url, clientOf(server));
    isShut = true;
    const before = server.tokens().length;
    expect(await errorOf(callTool(tool, ORDER))).toMatchObject({
      name: 'ToolFailure',
      message: expect.stringContaining(`does not take the access token of ${server.issuer}. Nothing was done.`),
    });
    expect(received()).toEqual([]);
    expect(server.tokens().length - before).toBe(1);
  });

  it('that wants more scope says so, by the name of the option', async () => {
    const server = await startServer();
    const headers = { 'www-authenticate': 'Bearer error="insufficient_scope", scope="everything"' };
    const { server: shop } = await shopOf(server, { refusal: () => ({ status: 403, headers }) });
    const error = await errorOf(lookUp(shop.url, clientOf(server)));
    expect(error).toMatchObject({
      message: expect.stringContaining('more scope'),
      hint: expect.stringContaining('oauth.scope'),
    });
    expect(server.asked.some(({ params }) => params['scope'] !== undefined)).toBe(false);
  });
});

describe('no access token', () => {
  it('is told with the server, and the variable to look at, and without a secret', async () => {
    const warn = vi.spyOn(console, 'warn');
    const server = await startServer();
    const { server: shop } = await shopOf(server);
    const settings = { TOOL_SHOP_SECRET: 'wrong-canary' };
    const error = (await errorOf(lookUp(shop.url, clientOf(server), { settings }))) as UserError;
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toBe(
      `The MCP server ${shop.url}: the authorization server ${server.issuer} gives the client no access token (invalid_client): check TOOL_SHOP_SECRET`,
    );
    expect(everything(error)).not.toMatch(/canary/);
    expect(server.asked).toHaveLength(1);
    expect(warn).not.toHaveBeenCalled();
    await expect(lookUp(shop.url, clientOf(server), { settings: {} })).rejects.toThrow('TOOL_SHOP_SECRET');
  });

  it.each(['not a key at all, whoever wrote it', rsaKey])(
    'is given for a key that is none of the algorithm: %#',
    async (TOOL_SHOP_KEY) => {
      const server = await startServer();
      const { server: shop } = await shopOf(server);
      const { clientSecret: _, ...client } = clientOf(server);
      const oauth = { ...client, privateKey: { setting: 'TOOL_SHOP_KEY' } };
      const error = await errorOf(lookUp(shop.url, oauth, { settings: { TOOL_SHOP_KEY } }));
      expect(error).toMatchObject({ message: expect.stringContaining('TOOL_SHOP_KEY holds no private key') });
      expect(everything(error)).not.toContain(TOOL_SHOP_KEY.slice(-60, -30));
      expect(server.asked).toEqual([]);
    },
  );

  it('is given by a server that is down: nothing starts, and a call has done nothing', async () => {
    const server = await startServer();
    const { server: shop, received } = await shopOf(server);
    const tool = await lookUp(shop.url, clientOf(server));
    await callTool(tool, ORDER);
    server.revoke();
    await server.close();
    expect(await errorOf(lookUp(shop.url, clientOf(server)))).toMatchObject({
      message: `The MCP server ${shop.url}: the authorization server ${server.issuer} cannot be asked for an access token (ECONNREFUSED)`,
      hint: 'Start it, or correct oauth.issuer; then try again.',
    });
    expect(await errorOf(callTool(tool, ORDER))).toMatchObject({
      name: 'ToolFailure',
      message: expect.stringContaining('(ECONNREFUSED). Nothing was done.'),
    });
    expect(received()).toHaveLength(1);
  });

  it.each([
    ['a server error', 503, 'HTTP 503'],
    ['a redirect', 307, 'HTTP 307'],
    ['a page', 200, 'no bearer token'],
    ['a refusal in words of its own', 400, 'HTTP 400'],
  ])('comes of %s', async (_what, status, why) => {
    const other = await startServer();
    const server = await startServer();
    server.answers.set('/token', (response) => {
      response.writeHead(status, { location: `${other.issuer}/token`, 'content-type': 'text/html' }).end(CLIENT_SECRET);
    });
    const { server: shop } = await shopOf(server);
    const error = await errorOf(lookUp(shop.url, clientOf(server)));
    expect(error).toMatchObject({ message: expect.stringContaining(`(${why})`) });
    expect(everything(error)).not.toMatch(/canary/);
    expect(other.asked).toEqual([]);
  });

  it.each([
    ['more than 256 KiB', { access_token: 'x'.repeat(300_000), token_type: 'Bearer' }, 'AnswerTooLarge'],
    ['what no header can carry', { access_token: 'a\nb-canary', token_type: 'Bearer' }, 'no bearer token'],
    ['a token of another type', { access_token: 'a-canary', token_type: 'mac' }, 'no bearer token'],
  ])('comes of %s', async (_what, body, why) => {
    const server = await startServer();
    server.answers.set('/token', (response) => json(response, 200, body));
    const { server: shop } = await shopOf(server);
    const error = await errorOf(lookUp(shop.url, clientOf(server)));
    expect(error).toMatchObject({ message: expect.stringContaining(why) });
    expect(everything(error)).not.toMatch(/canary/);
  });
});

describe('credentials and tokens go nowhere else', () => {
  it('when the metadata of the server names another authorization server', async () => {
    const server = await startServer();
    const other = await startServer();
    const { server: shop } = await shopOf(server, {
      metadata: () => ({ resource: shop.url, authorization_servers: [other.issuer] }),
    });
    expect(await errorOf(lookUp(shop.url, clientOf(server)))).toMatchObject({
      message: expect.stringContaining(`does not name the authorization server ${server.issuer}`),
    });
    expect([server.asked, other.asked]).toEqual([[], []]);
  });

  it('when the metadata of the server is that of another resource', async () => {
    const server = await startServer();
    const { server: shop } = await shopOf(server, {
      metadata: () => ({ resource: 'https://bank.example.com/', authorization_servers: [server.issuer] }),
    });
    await expect(lookUp(shop.url, clientOf(server))).rejects.toThrow('its metadata is that of another resource');
    expect(server.asked).toEqual([]);
  });

  it('when the metadata of the authorization server names another host, unless it was named', async () => {
    const other = await startServer();
    const server = await startServer();
    server.answers.set('/.well-known/oauth-authorization-server', (response) =>
      json(response, 200, {
        issuer: server.issuer,
        authorization_endpoint: `${server.issuer}/authorize`,
        token_endpoint: `${other.issuer}/token`,
        response_types_supported: ['code'],
      }),
    );
    const { server: shop } = await shopOf(other, { metadata: () => undefined });
    await expect(lookUp(shop.url, clientOf(server))).rejects.toThrow('names a token endpoint on another host');
    expect(other.asked).toEqual([]);
    const oauth = { ...clientOf(server), tokenEndpoint: `${other.issuer}/token` };
    expect(await callTool(await lookUp(shop.url, oauth), ORDER)).toBe('order A-1 is paid');
  });

  it('when the metadata names another issuer, or there is none', async () => {
    const server = await startServer();
    const { server: shop } = await shopOf(server);
    const path = '/.well-known/oauth-authorization-server';
    server.answers.set(path, (response) =>
      json(response, 200, {
        issuer: 'https://elsewhere.example.com',
        authorization_endpoint: `${server.issuer}/authorize`,
        token_endpoint: `${server.issuer}/token`,
        response_types_supported: ['code'],
      }),
    );
    await expect(lookUp(shop.url, clientOf(server))).rejects.toThrow('names another issuer');
    server.answers.set(path, (response) => void response.writeHead(404).end());
    await expect(lookUp(shop.url, clientOf(server))).rejects.toThrow('publishes no metadata');
    expect(server.asked).toEqual([]);
  });

  it('when the MCP server, once it has its token, redirects', async () => {
    const server = await startServer();
    const seen: (string | undefined)[] = [];
    const elsewhere = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(200).end();
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    kept({ close: async () => void elsewhere.close() });
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/mcp`;
    const { server: shop } = await shopOf(server, { refusal: () => ({ status: 307, headers: { location } }) });
    await expect(lookUp(shop.url, clientOf(server))).rejects.toThrow(`The MCP server ${shop.url}`);
    expect(server.tokens()).toHaveLength(1);
    expect(seen).toEqual([]);
  });
});

describe('options of oauth', () => {
  const oauth = { issuer: 'https://auth.example.com', clientId: 'a', clientSecret: { setting: 'TOOL_A' } };
  it.each([
    ['an issuer without TLS', { issuer: 'http://auth.example.com' }, 'oauth.issuer has an https URL'],
    [
      'a token endpoint without TLS',
      { tokenEndpoint: 'http://10.0.0.1/token' },
      'oauth.tokenEndpoint has an https URL',
    ],
    ['no secret', { clientSecret: undefined }, 'either a clientSecret or a privateKey'],
    ['two secrets', { privateKey: { setting: 'TOOL_B' } }, 'either a clientSecret or a privateKey'],
    ['a secret that is written out', { clientSecret: 'hunter2' }, 'is the name of a variable'],
    ['an algorithm that nobody knows', { algorithm: 'none' }, 'oauth.algorithm is one of'],
  ])('are refused with %s', async (_what, more, message) => {
    const wrong = { ...oauth, ...more } as unknown as OAuthClient;
    const document = SHOP_DOCUMENT;
    expect(() => openApiTools({ document, operations: {}, baseUrl: 'https://a.example.com', oauth: wrong })).toThrow(
      message,
    );
    const error = await errorOf(mcpTools({ server: { url: 'https://a.example.com/mcp', oauth: wrong } }));
    expect(error).toMatchObject({ message: expect.stringContaining('The MCP server https://a.example.com/mcp: ') });
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain('hunter2');
  });

  it('are refused for a server without TLS, and beside another authorization', () => {
    const options = { document: SHOP_DOCUMENT, operations: {}, oauth };
    expect(() => openApiTools({ ...options, baseUrl: 'http://a.example.com' })).toThrow('https URL');
    const headers = { Authorization: 'Basic x' };
    expect(() => openApiTools({ ...options, baseUrl: 'https://a.example.com', headers })).toThrow('authorization');
  });
});

describe('an HTTP service that wants an access token', () => {
  const serviceOf = async (server: OAuthServer) => {
    const shop = kept(await startHttpShop());
    const oauth = { ...clientOf(server), resource: 'urn:shop' };
    const operations = { createRefund: {}, listOrders: {} };
    const [refund, list] = openApiTools({ document: SHOP_DOCUMENT, operations, baseUrl: shop.url, oauth });
    if (refund === undefined || list === undefined) throw new Error('no tool');
    return { shop, refund, list };
  };
  const setting = (name: string): string => (name === 'TOOL_SHOP_SECRET' ? CLIENT_SECRET : 'another');
  const sent = ({ received }: HttpShop, method: string) =>
    received.filter((request) => request.method === method && !request.url.startsWith('/.well-known/'));
  const REFUND = { order: 'A-1', cents: 5 };

  it('gets one, for what the options name', async () => {
    const server = await startServer();
    const { shop, refund, list } = await serviceOf(server);
    expect(await callTool(refund, REFUND, { setting })).toEqual({ refundId: 're-A-1', cents: 5 });
    await callTool(list, {}, { setting });
    expect(server.asked.map(({ params }) => params)).toEqual([
      { grant_type: 'client_credentials', resource: 'urn:shop' },
    ]);
    const all = [...sent(shop, 'POST'), ...sent(shop, 'GET')].map(({ headers }) => headers.authorization);
    expect(all).toEqual([`Bearer ${server.tokens()[0]}`, `Bearer ${server.tokens()[0]}`]);
  });

  it('is sent a request again with another, where it refused the token', async () => {
    const server = await startServer();
    const { shop, refund, list } = await serviceOf(server);
    let refusals = 1;
    shop.answers.set('A-1', (response) => {
      if (refusals === 0) return answer(response, 201, { refundId: 're' });
      refusals -= 1;
      response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
    });
    expect(await callTool(refund, REFUND, { setting })).toEqual({ refundId: 're' });
    expect(sent(shop, 'POST')).toHaveLength(2);
    shop.answers.set('/orders', (response) => {
      shop.answers.delete('/orders');
      response.writeHead(401).end();
    });
    await callTool(list, {}, { setting });
    expect(sent(shop, 'GET')).toHaveLength(2);
    expect(server.tokens()).toHaveLength(3);
  });

  it('is not sent what may have an effect again for a bare 401; the next call has another token', async () => {
    const server = await startServer();
    const { shop, refund } = await serviceOf(server);
    shop.answers.set('A-1', (response) => void response.writeHead(401).end());
    expect(await errorOf(callTool(refund, REFUND, { setting }))).toMatchObject({ name: 'Http401' });
    expect(sent(shop, 'POST')).toHaveLength(1);
    await callTool(refund, { ...REFUND, order: 'A-2' }, { setting });
    expect(server.tokens()).toHaveLength(2);
  });

  it('has certainly done nothing without one, and says what to look at', async () => {
    const server = await startServer();
    const { shop, refund } = await serviceOf(server);
    const wrong = { setting: () => 'wrong-canary' };
    const error = await errorOf(callTool(refund, REFUND, wrong));
    expect(error).toMatchObject({
      name: 'ToolFailure',
      message: `${shop.url}: the authorization server ${server.issuer} gives the client no access token (invalid_client): check TOOL_SHOP_SECRET. Nothing was done.`,
    });
    expect(everything(error)).not.toMatch(/canary/);
    await server.close();
    expect(await errorOf(callTool(refund, REFUND, { setting }))).toMatchObject({
      name: 'ToolFailure',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    expect(sent(shop, 'POST')).toEqual([]);
  });
});

describe('a header that no request can carry', () => {
  it('is refused by the name of its variable, and not by its value', async () => {
    const headers = { authorization: { setting: 'TOOL_SHOP_TOKEN', after: 'Bearer ' } };
    const settings = { TOOL_SHOP_TOKEN: 'a\nb-canary' };
    const error = await errorOf(mcpTools({ server: { url: 'http://127.0.0.1:9/mcp', headers }, settings }));
    expect(error).toMatchObject({ message: expect.stringContaining('TOOL_SHOP_TOKEN') });
    expect(everything(error)).not.toMatch(/canary/);
    const [refund] = openApiTools({
      document: SHOP_DOCUMENT,
      operations: { createRefund: {} },
      baseUrl: 'http://127.0.0.1:9',
      headers,
    });
    if (refund === undefined) throw new Error('no tool');
    const given = { setting: () => 'a\nb-canary' };
    expect(await errorOf(callTool(refund, { order: 'A', cents: 1 }, given))).toMatchObject({
      name: 'ToolFailure',
      message: expect.stringContaining('TOOL_SHOP_TOKEN'),
    });
  });
});

/** All that an error says, its causes included. */
function everything(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return [error.message, error.stack, JSON.stringify(error), everything(error.cause ?? '')].join('\n');
}
