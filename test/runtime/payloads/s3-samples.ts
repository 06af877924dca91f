// Blobs to put, and what an error says of them.
import { randomBytes } from 'node:crypto';
import { ulid } from 'ulid';
import { expect } from 'vitest';
import { sha256 } from '../../../runtime/canonical.ts';
import type { Blob } from '../../../runtime/payloads/blob-store.ts';

export const newRun = (): string => `default/answer/${ulid()}`;
export const blobOf = (runId: string, bytes: Uint8Array = randomBytes(64)): Blob => ({
  runId,
  digest: sha256(bytes),
  bytes,
});
export const blobsOf = (runId: string, count: number): readonly Blob[] =>
  Array.from({ length: count }, () => blobOf(runId));
export const hexOf = ({ digest }: Pick<Blob, 'digest'>): string => digest.slice('sha256:'.length);

/** Of the error with which it rejects. */
export async function messageFrom(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  return (error as Error).message;
}
