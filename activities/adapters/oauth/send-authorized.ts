// A request with an access token. One that the server does not take is renewed once, and the request sent again: but a request that
// may have an effect only where the server says that it was the token (RFC 6750), since a bare 401 may come from behind the effect.
import type { ReadSetting } from '../../tools/settings.ts';
import type { AccessTokens } from './access-tokens.ts';
import { TokenError } from './token-error.ts';

export interface AuthorizedRequest {
  readonly tokens: AccessTokens;
  readonly read: ReadSetting;
  /** Whether it may be sent twice without knowing what became of it. */
  readonly isHarmless: boolean;
  send(authorization: string): Promise<Response>;
}

/** @throws TokenError when the server takes no token: nothing was done; what `send` throws */
export async function sendAuthorized({ tokens, read, isHarmless, send }: AuthorizedRequest): Promise<Response> {
  for (const isLast of [false, true]) {
    const token = await tokens.token(read);
    const response = await send(`Bearer ${token}`);
    const { status } = response;
    if (status !== 401 && status !== 403) return response;
    const { extractWWWAuthenticateParams } = await import('@modelcontextprotocol/client');
    const { error, resourceMetadataUrl } = extractWWWAuthenticateParams(response);
    if (status === 401) tokens.refuse(token, resourceMetadataUrl);
    if (status === 403 && error !== 'insufficient_scope') return response;
    if (status === 401 && error !== 'invalid_token' && !isHarmless) return response;
    await response.body?.cancel();
    if (status === 403) {
      throw new TokenError(
        `it wants more scope than the access token of ${tokens.issuer} has`,
        'Write the scope that it wants as oauth.scope.',
      );
    }
    if (isLast) break;
  }
  throw new TokenError(
    `it does not take the access token of ${tokens.issuer}`,
    'Check oauth.issuer, oauth.scope and oauth.resource.',
  );
}
