// Sizes and counts that hold on every wire. Changing one downwards breaks open runs: add a version instead.

/** Version of every wire type in this folder. */
export const WIRE_VERSION = 1;
export type WireVersion = typeof WIRE_VERSION;

/** Longest question, in UTF-8 bytes: it stands in the start event and in the prompt. */
export const MAX_QUESTION_BYTES = 16 * 1024;

/** Longest model reply kept, in UTF-8 bytes. A longer one fails the check `complete`. */
export const MAX_DRAFT_BYTES = 256 * 1024;

/** Longest canonical JSON of a tool's arguments, in bytes: they are shown to people and stand in histories. */
export const MAX_TOOL_ARGUMENTS_BYTES = 32 * 1024;

/** Largest result of a tool that is kept, in bytes of canonical JSON. Of a larger one only the size is. */
export const MAX_TOOL_RESULT_BYTES = 1024 * 1024;

/** Longest run of characters of a result that a model is shown. */
export const MAX_TOOL_RESULT_CHARS_SHOWN = 20_000;

/** Longest reason of a decision, and longest message of a call, in characters. */
export const MAX_REASON_CHARS = 2_000;

/** Longest run of characters kept of a failure's message, so that no document or reply travels in one. */
export const MAX_FAILURE_MESSAGE_CHARS = 500;
