// What a run was started for, read from the first event of its history and held against the hash in the start ledger.
import type { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { decodeArrayFromPayloads, loadDataConverter } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { canonicalJson } from '../runtime/canonical.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import { plainConverter } from '../runtime/payloads/data-converter.ts';
import { decodePayload } from '../runtime/payloads/decode-history.ts';
import { startHash } from '../runtime/start-hash.ts';
import type { RunId, StartInput } from '../workflows/protocol/index.ts';
import { parseRunId } from '../workflows/protocol/index.ts';

export interface StartAccess {
  readonly temporal: Client;
  readonly runKeys: RunKeys;
  readonly dataConverter: DataConverter;
}

/** The task or question, any other request as JSON; `null` when it is gone, unreadable, or not what the ledger bound. */
export async function readAsked(access: StartAccess, runId: RunId): Promise<string | null> {
  const [started, input] = await Promise.all([access.runKeys.find(runId), firstInput(access, runId)]);
  const kind = parseRunId(runId)?.kind;
  if (started === undefined || input === undefined || kind === undefined) return null;
  const { request, release, collection } = input;
  const hash = startHash(started.key, { kind, releaseRef: release?.ref, collection, request });
  return hash === started.requestHash ? wordsOf(request) : null;
}

/** One event is asked for, however long the history is. Why it could not be read does not matter to who decides. */
async function firstInput({ temporal, dataConverter }: StartAccess, runId: RunId): Promise<StartInput | undefined> {
  try {
    const { history } = await temporal.workflowService.getWorkflowExecutionHistory({
      namespace: temporal.options.namespace,
      execution: { workflowId: runId },
      maximumPageSize: 1,
    });
    const [payload] = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    if (payload === undefined) return undefined;
    const readable = await decodePayload(payload, loadDataConverter(dataConverter));
    const [input] = await decodeArrayFromPayloads(loadDataConverter(plainConverter), [readable]);
    return typeof input === 'object' && input !== null ? (input as StartInput) : undefined;
  } catch {
    return undefined;
  }
}

function wordsOf(request: unknown): string {
  const { task, question } = (request ?? {}) as { task?: unknown; question?: unknown };
  if (typeof task === 'string') return task;
  return typeof question === 'string' ? question : canonicalJson(request);
}
