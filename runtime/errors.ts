// Errors meant for people: what happened, to which id, what to do. The CLI prints them without a stack.

export interface UserErrorOptions {
  /** What the reader can do about it; a whole sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Exit code of a command that ends with it. @default 1 */
  readonly exitCode?: 1 | 2 | 64;
}

export class UserError extends Error {
  readonly hint: string | undefined;
  readonly exitCode: 1 | 2 | 64;

  constructor(message: string, options: UserErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UserError';
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
