// How far the activity is that a run waits for, as its latest heartbeat says, and why it is tried again.
import type { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
  loadDataConverter,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { RunId } from '../workflows/protocol/index.ts';

export interface RunProgress {
  /** Activity type, for example `indexGeneration`. */
  readonly step: string;
  readonly attempt: number;
  /** Why the attempt before this one failed; absent for a first one. */
  readonly lastFailure?: string;
  /** What it counts, for example `documents` and `chunks`. Empty before its first heartbeat. */
  readonly details: Readonly<Record<string, number>>;
}

/** `undefined` while no regular activity is under way. */
export async function progressOf(
  temporal: Client,
  dataConverter: DataConverter,
  runId: RunId,
): Promise<RunProgress | undefined> {
  const { raw } = await temporal.workflow.getHandle(runId).describe();
  const [pending] = raw.pendingActivities ?? [];
  if (pending == null) return undefined;
  const payloads = pending.heartbeatDetails?.payloads ?? [];
  const converter = loadDataConverter(dataConverter);
  const [details] = await decodeArrayFromPayloads(converter, [...payloads]);
  const failure = await decodeOptionalFailureToOptionalError(converter, pending.lastFailure);
  const numbers = Object.entries(details ?? {}).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  return {
    step: pending.activityType?.name ?? '',
    attempt: pending.attempt ?? 1,
    ...(failure !== undefined && { lastFailure: failure.message }),
    details: Object.fromEntries(numbers),
  };
}
