// Errors as logs may have them: what and where, and no words that may repeat content. Messages of our own that name ids only stay.
import { ApplicationFailure } from '@temporalio/common';
import { Failure } from '../workflows/protocol/index.ts';
import { UserError } from './errors.ts';

/** Failures whose messages are all ours. */
const OURS: ReadonlySet<string> = new Set([
  Failure.NotInLedger,
  Failure.NotAsLedgered,
  Failure.ReleaseNotFound,
  Failure.CollectionNotFound,
  Failure.KeyUnavailable,
  Failure.KeyUnknown,
  Failure.KeyDamaged,
  Failure.Erased,
  Failure.PayloadUnreadable,
  Failure.BlobMissing,
  Failure.LeaseLost,
]);

const MAX_CAUSES = 5;

export interface LoggableError {
  readonly name: string;
  /** Of an ApplicationFailure. */
  readonly type?: string;
  /** Of the system or the database, for example ECONNREFUSED, 53100. */
  readonly code?: string;
  readonly message?: string;
  /** Where: frames without the message. */
  readonly stack?: string;
  readonly cause?: LoggableError;
}

/** @returns a value that is no error as it is, for the logger's list of hidden fields; one that plays an error by its type alone */
export function loggableError(error: unknown): unknown {
  if (error instanceof Error) return described(error, 0);
  const plays = typeof error !== 'object' || error === null || 'message' in error || 'stack' in error;
  return plays ? { name: typeof error } : error;
}

function described(error: unknown, depth: number): LoggableError {
  if (!(error instanceof Error)) return { name: typeof error };
  const { type, code } = error as { type?: unknown; code?: unknown };
  const stack = framesOf(error.stack);
  return {
    name: error.name,
    ...(typeof type === 'string' && { type }),
    ...(typeof code === 'string' && { code }),
    ...(isOurs(error) && { message: error.message }),
    ...(stack !== '' && { stack }),
    ...(error.cause !== undefined && depth < MAX_CAUSES && { cause: described(error.cause, depth + 1) }),
  };
}

/** The lines of a stack trace that name places in code; a message may have lines of its own. */
export const framesOf = (stack: string | undefined): string =>
  (stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at (?:async )?(?:[\w.$<>[\] ]+ )?\(?[^()\s]+:\d+:\d+\)?$/.test(line))
    .join('\n');

const isOurs = (error: Error): boolean =>
  error instanceof UserError || (error instanceof ApplicationFailure && OURS.has(error.type ?? ''));
