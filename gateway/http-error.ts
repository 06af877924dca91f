// What a request is answered with when it gets nothing: a status and words for people. Never content, never what was sent.
export interface HttpErrorOptions {
  /** Written to the security log, with the tenant if a verified token named one. */
  readonly refused?: { readonly reason: string; readonly tenant?: string };
  readonly cause?: unknown;
}

export class HttpError extends Error {
  readonly status: number;
  readonly refused: HttpErrorOptions['refused'];

  constructor(status: number, message: string, { refused, cause }: HttpErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'HttpError';
    this.status = status;
    this.refused = refused;
  }
}
