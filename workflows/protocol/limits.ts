// Sizes and counts that hold on every wire. Changing one downwards breaks open runs: add a version instead.

/** Version of every wire type in this folder. */
export const WIRE_VERSION = 1;
export type WireVersion = typeof WIRE_VERSION;

/** Longest question, in UTF-8 bytes: it stands in the start event and in the prompt. */
export const MAX_QUESTION_BYTES = 16 * 1024;

/** Longest model reply kept, in UTF-8 bytes. A longer one fails the check `complete`. */
export const MAX_DRAFT_BYTES = 256 * 1024;

/** Longest run of characters kept of a failure's message, so that no document or reply travels in one. */
export const MAX_FAILURE_MESSAGE_CHARS = 500;
