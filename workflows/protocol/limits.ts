// Sizes and counts that hold on every wire. Changing one downwards breaks open runs: add a version instead.

/** Version of every wire type in this folder. */
export const WIRE_VERSION = 1;
export type WireVersion = typeof WIRE_VERSION;

/** Longest question or task, in UTF-8 bytes: a long mail or log. It stands in the prompt; a document belongs into a collection. */
export const MAX_QUESTION_BYTES = 256 * 1024;

/** Longest model reply that is kept, in UTF-8 bytes of its text and calls together. A longer one ends the run as failed. */
export const MAX_DRAFT_BYTES = 16 * 1024 * 1024;

/** Drafts from this size on, in UTF-16 code units, are validated by a regular activity. No recorded history has a longer one before. */
export const LONG_DRAFT_CHARS = 256 * 1024;

/** Longest part of its own text that a model is shown again, in UTF-16 code units: a draft to repair, what it wrote beside a call. */
export const MAX_DRAFT_CHARS_SHOWN = 256 * 1024;

/** Longest canonical JSON of a tool's arguments, in bytes: they are shown to people and stand in histories. */
export const MAX_TOOL_ARGUMENTS_BYTES = 32 * 1024;

/** Largest result of a tool that is kept, in bytes of canonical JSON. Of a larger one only the size is. */
export const MAX_TOOL_RESULT_BYTES = 32 * 1024 * 1024;

/** Longest part of one result that a model is shown, in UTF-16 code units of JSON. */
export const MAX_TOOL_RESULT_CHARS_SHOWN = 20_000;

/** Of all results in one prompt together: room for the 24 calls of the default budget. The latest come first. */
export const MAX_TOOL_RESULTS_CHARS_SHOWN = 24 * MAX_TOOL_RESULT_CHARS_SHOWN;

/** Largest of what a run asks people, in bytes of JSON: a draft to review among it. */
export const MAX_SUBJECT_BYTES = 96 * 1024;

/** Longest reason of a decision, and longest message of a call, in characters. */
export const MAX_REASON_CHARS = 2_000;

/** Longest run of characters kept of a failure's message, so that no document or reply travels in one. */
export const MAX_FAILURE_MESSAGE_CHARS = 500;
