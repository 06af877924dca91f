// How a worker authenticates itself to a server of somebody else: OAuth client credentials (RFC 6749, 4.4), a grant without people.
import { UserError } from '../../../runtime/errors.ts';
import type { Setting } from '../../tools/settings.ts';

/** Always by the name of a `TOOL_*` variable: a secret is not written out. */
export interface SecretSetting {
  readonly setting: string;
}

const ALGORITHMS = ['ES256', 'ES384', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;

export interface OAuthClient {
  /** Of the authorization server, exactly as its metadata (RFC 8414) says. Credentials go to its host and to no other. */
  readonly issuer: string;
  readonly clientId: Setting;
  /** For `client_secret_basic`, or `client_secret_post` where the server knows nothing else. This or `privateKey`. */
  readonly clientSecret?: SecretSetting;
  /** PEM (PKCS #8), line ends also as `\n`: signs an assertion for each token (`private_key_jwt`, RFC 7523). This or `clientSecret`. */
  readonly privateKey?: SecretSetting;
  /** Of `privateKey`. @default 'ES256' */
  readonly algorithm?: (typeof ALGORITHMS)[number];
  /** Separated by spaces. @default none is asked for, whatever the server says that it supports */
  readonly scope?: string;
  /**
   * What the token is for (RFC 8707); `false` for an authorization server that takes no such parameter.
   *
   * @default what the server's metadata (RFC 9728) says, else the server's URL
   */
  readonly resource?: string | false;
  /** Where it is not on the issuer's host, or the issuer publishes no metadata. @default what the metadata says */
  readonly tokenEndpoint?: string;
}

/**
 * @param server where tokens go
 * @param headers names of those that are sent beside the token
 * @throws UserError naming what is wrong
 */
export function requireOAuthClient(oauth: OAuthClient, server: URL, headers: readonly string[]): void {
  const { issuer, clientSecret, privateKey, algorithm = 'ES256', tokenEndpoint } = oauth;
  requireSecure('A server that tokens are sent to', server.href);
  requireSecure('oauth.issuer', issuer);
  if (tokenEndpoint !== undefined) requireSecure('oauth.tokenEndpoint', tokenEndpoint);
  if ((clientSecret === undefined) === (privateKey === undefined)) {
    throw new UserError('oauth has either a clientSecret or a privateKey', { hint: SECRET_HINT });
  }
  const secret: unknown = clientSecret ?? privateKey;
  if (typeof secret !== 'object' || secret === null || typeof (secret as SecretSetting).setting !== 'string') {
    throw new UserError('A secret of oauth is the name of a variable', { hint: SECRET_HINT });
  }
  if (headers.some((name) => name.toLowerCase() === 'authorization')) {
    throw new UserError('The header authorization is that of oauth', { hint: 'Leave one of them out.' });
  }
  if (!ALGORITHMS.includes(algorithm)) {
    throw new UserError(`oauth.algorithm is one of ${ALGORITHMS.join(', ')}`, { hint: 'Correct it.' });
  }
}

const SECRET_HINT = 'Write one of them, as { setting: "TOOL_…" }.';
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/;

function requireSecure(what: string, given: string): void {
  const url = URL.parse(given);
  const isSecure = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname));
  if (url !== null && isSecure && url.username === '' && url.password === '') return;
  throw new UserError(`${what} has an https URL without credentials`, {
    hint: 'Only a loopback address may do without TLS.',
  });
}
