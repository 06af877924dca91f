// The access token of one server, in memory only: asked for when it is needed, kept until shortly before its end, and given up when
// the server refuses it. It goes to that server and to no other.
import type { ReadSetting } from '../../tools/settings.ts';
import type { OAuthClient } from './oauth-client.ts';
import { requireOAuthClient } from './oauth-client.ts';

/** A token that would end on its way is not sent. */
const MARGIN_MS = 30_000;

interface HeldToken {
  readonly value: string;
  /** Of `performance.now()`. */
  readonly useUntil: number;
}

export interface Owner {
  readonly oauth: OAuthClient;
  /** Where tokens go. */
  readonly server: URL;
  /** Sent beside the token. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

export class AccessTokens {
  readonly issuer: string;
  readonly #oauth: OAuthClient;
  readonly #server: URL;
  #held: HeldToken | undefined;
  #asking: Promise<HeldToken> | undefined;
  #metadataUrl: URL | undefined;

  /** @throws UserError for options that are not safe, or that say twice how to authenticate */
  constructor({ oauth, server, headers = {} }: Owner) {
    requireOAuthClient(oauth, server, Object.keys(headers));
    this.issuer = oauth.issuer;
    this.#oauth = oauth;
    this.#server = server;
  }

  /** One that holds for now; several callers at once wait for one request. @throws TokenError; UserError for a variable that is not set */
  async token(read: ReadSetting): Promise<string> {
    const held = this.#held;
    if (held !== undefined && performance.now() < held.useUntil) return held.value;
    this.#asking ??= this.#ask(read).finally(() => {
      this.#asking = undefined;
    });
    const { value } = await this.#asking;
    return value;
  }

  /** The server did not take a token, and may have said where its metadata is. */
  refuse(token: string, metadataUrl?: URL): void {
    if (this.#held?.value === token) this.#held = undefined;
    if (metadataUrl?.origin === this.#server.origin) this.#metadataUrl = metadataUrl;
  }

  async #ask(read: ReadSetting): Promise<HeldToken> {
    const { requestToken } = await import('./request-token.ts');
    const asked = performance.now();
    const request = { oauth: this.#oauth, server: this.#server, read, metadataUrl: this.#metadataUrl };
    const { value, lifetimeMs } = await requestToken(request);
    this.#held = { value, useUntil: asked + lifetimeMs - Math.min(MARGIN_MS, lifetimeMs / 4) };
    return this.#held;
  }
}
