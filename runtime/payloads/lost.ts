// Which failures of reading a payload no later attempt mends. They concern one run: others are readable all the same. By their type
// alone, without the SDK: commands load this before they know whether they need it.
import type { ApplicationFailure } from '@temporalio/common';
import { Failure } from '../../workflows/protocol/index.ts';

const LOST: ReadonlySet<unknown> = new Set([
  Failure.PayloadUnreadable,
  Failure.BlobMissing,
  Failure.Erased,
  Failure.KeyDamaged,
]);

/** Lost for good, and not merely out of reach. */
export const isLost = (error: unknown): error is ApplicationFailure =>
  error instanceof Error && LOST.has((error as { type?: unknown }).type);

/** Lost because its key was destroyed, as it should be. */
export const isErased = (error: unknown): boolean => isLost(error) && error.type === Failure.Erased;
