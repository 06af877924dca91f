// Event histories as the client gives them out: Temporal's own form, and its JSON.
import type { Payload } from '@temporalio/common';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

export type { History } from '@temporalio/common/lib/proto-utils.js';

/** The JSON that Temporal's UI, CLI and replayer read. */
export const toHistoryJson = (history: History): string => historyToJSON(history);

export type Event = NonNullable<History['events']>[number];

/** Reads the first of an event's payloads. */
export type Decode = (payloads: readonly Payload[] | null | undefined) => Promise<unknown>;

export function timestampMs(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6);
}
