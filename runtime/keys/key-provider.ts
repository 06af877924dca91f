// The port to whoever holds the key-encryption keys: a file, the environment, a KMS. They wrap tenant keys and nothing else, so a
// KMS is asked once a tenant and process, and rotating it touches a few rows.
import { ApplicationFailure } from '@temporalio/common';
import { Failure } from '../../workflows/protocol/index.ts';
import { messageOf } from '../errors.ts';

export interface WrappedKey {
  /** Which key of the provider wrapped it. */
  readonly keyId: string;
  readonly wrapped: Uint8Array;
}

/** Adapters do not retry and keep nothing: callers do. */
export interface KeyProvider {
  /** For people: `file`, `environment`, `vault`. */
  readonly name: string;
  /** The key that wraps from now on. @throws ApplicationFailure KeyUnavailable */
  currentKeyId(): Promise<string>;
  /** @param context authenticated with the key, not stored. @throws ApplicationFailure KeyUnavailable (retryable) */
  wrap(context: string, key: Uint8Array): Promise<WrappedKey>;
  /** @throws ApplicationFailure KeyUnavailable (retryable), KeyUnknown, KeyDamaged (non-retryable) */
  unwrap(context: string, wrapped: WrappedKey): Promise<Uint8Array>;
}

/** The provider does not answer. The run waits: Temporal tries again. */
export const keyUnavailable = (provider: string, cause: unknown): ApplicationFailure =>
  ApplicationFailure.create({
    message: `The key provider ${provider} does not answer (${messageOf(cause)}). Nothing is read or written without its keys; runs go on when it is back.`,
    type: Failure.KeyUnavailable,
  });

/** The provider answers, and does not know the key. */
export const keyUnknown = (provider: string, keyId: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(
    `The key provider ${provider} has no key ${keyId}. Give this process every key that is still in use: \`countersign keys status\` lists them.`,
    Failure.KeyUnknown,
  );

/** The wrapped key was changed, or belongs to something else. */
export const keyDamaged = (what: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(
    `The wrapped ${what} does not open: it was changed, or moved from another row. Restore it from a backup.`,
    Failure.KeyDamaged,
  );
