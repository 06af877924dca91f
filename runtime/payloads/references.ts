// What a history refers to, without reading it: references stand outside of what is encrypted.
import {
  decodeReferencePayload,
  isReferencePayload,
} from '@temporalio/common/lib/internal-non-workflow/extstore-helpers.js';
import { isPayload } from './decode-history.ts';

/**
 * Digests of every payload kept by content that a message of Temporal refers to, in whatever store.
 *
 * @throws Error for a reference that is malformed
 */
export function referencesIn(message: unknown, found: Set<string> = new Set()): ReadonlySet<string> {
  if (typeof message !== 'object' || message === null || ArrayBuffer.isView(message)) return found;
  if (isPayload(message)) {
    if (!isReferencePayload(message)) return found;
    const { digest } = decodeReferencePayload(message).claimData;
    if (digest === undefined) throw new Error('A reference names no digest');
    found.add(digest);
    return found;
  }
  for (const value of Object.values(message)) referencesIn(value, found);
  return found;
}
