// Event histories as the client gives them out: Temporal's own form, and its JSON.
import type { History } from '@temporalio/common/lib/proto-utils.js';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

export type { History } from '@temporalio/common/lib/proto-utils.js';

/** The JSON that Temporal's UI, CLI and replayer read. */
export const toHistoryJson = (history: History): string => historyToJSON(history);
