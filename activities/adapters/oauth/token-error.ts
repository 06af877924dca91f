// Why there is no access token that a server takes. Nothing was done, and the message is of our own words: it holds no text of an
// authorization server, which may repeat what it was sent.
import { UserError } from '../../../runtime/errors.ts';

export class TokenError extends UserError {
  constructor(message: string, hint: string) {
    super(message, { hint });
    this.name = 'TokenError';
  }
}

/** What went wrong on the way, without a word of the other side. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'an error';
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'no answer in time';
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : error.name;
}
