// One access token, as the official MCP library asks for it: metadata of the resource (RFC 9728) and of the authorization server
// (RFC 8414), the client credentials grant for this resource (RFC 8707). Its orchestration (`auth`) is not used: it writes what a
// server said to the console, asks for whatever scopes a server names, and falls back to other servers.
import type { AuthorizationServerMetadata, OAuthClientProvider } from '@modelcontextprotocol/client';
import {
  ClientCredentialsProvider,
  checkResourceAllowed,
  discoverAuthorizationServerMetadata,
  discoverOAuthProtectedResourceMetadata,
  fetchToken,
  IssuerMismatchError,
  OAuthError,
  OAuthErrorCode,
  PrivateKeyJwtProvider,
  resourceUrlFromServerUrl,
  selectClientAuthMethod,
} from '@modelcontextprotocol/client';
import type { ReadSetting } from '../../tools/settings.ts';
import { settingText } from '../../tools/settings.ts';
import type { GuardedFetch } from './guarded-fetch.ts';
import { guardedFetch, OtherHostError } from './guarded-fetch.ts';
import type { OAuthClient } from './oauth-client.ts';
import { reasonOf, TokenError } from './token-error.ts';

const ASSERTION_SECONDS = 60;
/** Where the authorization server does not say how long a token holds. */
const DEFAULT_LIFETIME_SECONDS = 300;

export interface IssuedToken {
  readonly value: string;
  /** How long it holds from when it was asked for. */
  readonly lifetimeMs: number;
}

export interface TokenRequest {
  readonly oauth: OAuthClient;
  /** Where the token will be sent. */
  readonly server: URL;
  readonly read: ReadSetting;
  /** Where the server said that its metadata is. @default the well-known places */
  readonly metadataUrl: URL | undefined;
}

/** @throws TokenError; UserError for a variable that is not set */
export async function requestToken(request: TokenRequest): Promise<IssuedToken> {
  const { oauth, read } = request;
  const { issuer, scope, tokenEndpoint } = oauth;
  const provider = providerOf(oauth, read);
  const resource = await resourceOf(request);
  const hosts = [issuer, ...(tokenEndpoint === undefined ? [] : [tokenEndpoint])].map((url) => new URL(url).origin);
  const metadata = await metadataOf(oauth, hosts);
  const fetchFn = guardedFetch(hosts);
  try {
    const options = {
      metadata,
      fetchFn,
      ...(resource !== undefined && { resource }),
      ...(scope !== undefined && { scope }),
    };
    const { access_token: value, token_type: type, expires_in: seconds } = await fetchToken(provider, issuer, options);
    // What no header can carry would be repeated in an error of whoever sends it.
    if (type.toLowerCase() !== 'bearer' || !/^[\x21-\x7e]+$/.test(value)) throw new Error('no bearer token');
    return { value, lifetimeMs: (seconds ?? DEFAULT_LIFETIME_SECONDS) * 1_000 };
  } catch (error) {
    throw refused(error, oauth, fetchFn);
  }
}

/** What the token is asked for. @throws TokenError when the server says that it takes tokens of others only, or of another resource */
async function resourceOf({ oauth, server, metadataUrl }: TokenRequest): Promise<string | undefined> {
  const { issuer, resource } = oauth;
  const url = resourceUrlFromServerUrl(server);
  const given = await protectedResource(server, metadataUrl);
  if (given !== undefined) {
    if (!given.servers.some((named) => named.replace(/\/$/, '') === issuer.replace(/\/$/, ''))) {
      throw new TokenError(
        `its metadata does not name the authorization server ${issuer}`,
        'Correct oauth.issuer, or have whoever runs the server name it among its authorization_servers.',
      );
    }
    if (!checkResourceAllowed({ requestedResource: url, configuredResource: given.resource })) {
      throw new TokenError('its metadata is that of another resource', 'Correct the URL of the server.');
    }
  }
  if (resource === false) return undefined;
  return resource ?? given?.resource ?? url.href;
}

interface ProtectedResource {
  readonly resource: string;
  readonly servers: readonly string[];
}

/** `undefined` for a server that publishes nothing: there is no such page, or one for people. */
async function protectedResource(server: URL, metadataUrl: URL | undefined): Promise<ProtectedResource | undefined> {
  const fetchFn = guardedFetch([server.origin]);
  try {
    const options = metadataUrl === undefined ? {} : { resourceMetadataUrl: metadataUrl };
    const found = await discoverOAuthProtectedResourceMetadata(server, options, fetchFn);
    return { resource: found.resource, servers: found.authorization_servers ?? [] };
  } catch (error) {
    const { status = 0, isJson } = fetchFn;
    const isPage = status >= 200 && status < 300 && !isJson;
    if (isPage || (status >= 400 && status < 500)) return undefined;
    const why = whyOf(error, status, 'not as RFC 9728 has it');
    throw new TokenError(`its metadata cannot be read (${why})`, 'Have whoever runs the server correct it.');
  }
}

async function metadataOf(oauth: OAuthClient, hosts: readonly string[]): Promise<AuthorizationServerMetadata> {
  const { issuer, tokenEndpoint } = oauth;
  const fetchFn = guardedFetch(hosts);
  if (tokenEndpoint !== undefined) {
    return { issuer, token_endpoint: tokenEndpoint, authorization_endpoint: issuer, response_types_supported: [] };
  }
  let metadata: AuthorizationServerMetadata | undefined;
  try {
    metadata = await discoverAuthorizationServerMetadata(issuer, { fetchFn });
  } catch (error) {
    if (error instanceof IssuerMismatchError) {
      throw new TokenError(`the metadata of ${issuer} names another issuer`, 'Write oauth.issuer exactly as it says.');
    }
    throw refused(error, oauth, fetchFn);
  }
  if (metadata === undefined) {
    throw new TokenError(
      `the authorization server ${issuer} publishes no metadata`,
      'Correct oauth.issuer, or write oauth.tokenEndpoint.',
    );
  }
  if (new URL(metadata.token_endpoint).origin !== new URL(issuer).origin) {
    throw new TokenError(
      `the metadata of ${issuer} names a token endpoint on another host`,
      'If that is right, write it as oauth.tokenEndpoint.',
    );
  }
  return metadata;
}

function providerOf(oauth: OAuthClient, read: ReadSetting): OAuthClientProvider {
  const { issuer: expectedIssuer, clientSecret, privateKey, algorithm = 'ES256' } = oauth;
  const clientId = settingText(oauth.clientId, read);
  if (privateKey !== undefined) {
    const key = read(privateKey.setting).replaceAll('\\n', '\n');
    const more = { algorithm, jwtLifetimeSeconds: ASSERTION_SECONDS, expectedIssuer };
    return new PrivateKeyJwtProvider({ clientId, privateKey: key, ...more });
  }
  const secret = clientSecret === undefined ? '' : read(clientSecret.setting);
  const provider: OAuthClientProvider = new ClientCredentialsProvider({
    clientId,
    clientSecret: secret,
    expectedIssuer,
  });
  // The library joins id and secret as they are; RFC 6749, 2.3.1 has both form-encoded first, or `%`, `+` and `:` mean something else.
  provider.addClientAuthentication = (headers, params, _url, metadata) => {
    const methods = metadata?.token_endpoint_auth_methods_supported ?? [];
    if (selectClientAuthMethod({ client_id: clientId, client_secret: secret }, methods) === 'client_secret_post') {
      params.set('client_id', clientId);
      params.set('client_secret', secret);
    } else {
      const pair = `${formEncoded(clientId)}:${formEncoded(secret)}`;
      headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
    }
  };
  return provider;
}

const formEncoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1);

/** A server may write anything, also what it was sent. */
const KNOWN_CODES: ReadonlySet<string> = new Set(
  Object.values(OAuthErrorCode).filter((code) => code !== OAuthErrorCode.ServerError),
);

function refused(error: unknown, oauth: OAuthClient, { status }: GuardedFetch): TokenError {
  const { issuer, clientSecret, privateKey } = oauth;
  const variable = (clientSecret ?? privateKey)?.setting ?? '';
  const server = `the authorization server ${issuer}`;
  if (error instanceof OtherHostError) {
    return new TokenError(`${server} leads to another host`, 'If that is right, write it as oauth.tokenEndpoint.');
  }
  if (status === undefined) {
    return new TokenError(`${variable} holds no private key for the algorithm`, `Set ${variable} to a PKCS #8 PEM.`);
  }
  if (error instanceof OAuthError && status < 500) {
    const code = KNOWN_CODES.has(error.code) ? error.code : `HTTP ${status}`;
    return new TokenError(
      `${server} gives the client no access token (${code}): check ${variable}`,
      `Check ${variable}, oauth.clientId, oauth.scope and oauth.resource.`,
    );
  }
  return new TokenError(
    `${server} cannot be asked for an access token (${whyOf(error, status, 'no bearer token')})`,
    'Start it, or correct oauth.issuer; then try again.',
  );
}

function whyOf(error: unknown, status: number | undefined, unexpected: string): string {
  if (status === undefined || status === 0) return reasonOf(error);
  return status === 200 ? unexpected : `HTTP ${status}`;
}
