// What Temporal still has of a run: whether it goes on, and what its histories refer to. Every execution counts: a reset leaves the
// history from before, and it is kept as long as any.
import type { Client } from '@temporalio/client';
import { isGrpcServiceError } from '@temporalio/client';
import type { Execution, ExecutionStatus } from '../runtime/executions.ts';
import { eventsOf, latestExecution, listExecutions } from '../runtime/executions.ts';
import { referencesIn } from '../runtime/payloads/references.ts';

export type KeptByTemporal =
  /** It may go on. */
  | { readonly state: 'open' }
  | { readonly state: 'closed'; readonly references: ReadonlySet<string> }
  /** Neither the history service nor visibility knows it. */
  | { readonly state: 'unknown' }
  /** They do not agree, or a history is not what it should be. */
  | { readonly state: 'uncertain' };

/** Whatever is none of these may go on, for all we know. */
const CLOSED: ReadonlySet<ExecutionStatus> = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'TERMINATED', 'TIMED_OUT']);
const UNCERTAIN = { state: 'uncertain' } as const;

/** @param runId one of ours: it is put into a query as it is. @throws what Temporal's client throws, when it gives no answer */
export async function keptByTemporal(temporal: Client, runId: string): Promise<KeptByTemporal> {
  const latest = await latestExecution(temporal, runId);
  if (latest !== undefined && !CLOSED.has(latest.status)) return { state: 'open' };
  const listed: Execution[] = [];
  for await (const execution of listExecutions(temporal, `WorkflowId = "${runId}"`)) listed.push(execution);
  if (latest === undefined) return listed.length === 0 ? { state: 'unknown' } : UNCERTAIN;
  try {
    return await closed(temporal, latest, listed);
  } catch (error) {
    if (isGrpcServiceError(error)) throw error;
    return UNCERTAIN;
  }
}

async function closed(temporal: Client, latest: Execution, listed: readonly Execution[]): Promise<KeptByTemporal> {
  const { workflowId } = latest;
  const references = new Set<string>();
  const waiting = [latest.executionId, ...listed.map(({ executionId }) => executionId)];
  const read = new Set<string>();
  for (let executionId = waiting.pop(); executionId !== undefined; executionId = waiting.pop()) {
    if (read.has(executionId)) continue;
    read.add(executionId);
    const events = await eventsOf(temporal, { workflowId, executionId });
    if (events === undefined) {
      // An earlier one may be past its retention. The latest was there a moment ago.
      if (executionId === latest.executionId) return UNCERTAIN;
      continue;
    }
    referencesIn(events, references);
    // Visibility is a moment behind: what the history itself says of executions before and after it.
    for (const event of events) {
      const started = event.workflowExecutionStartedEventAttributes;
      const failed = event.workflowTaskFailedEventAttributes;
      const others = [
        started?.originalExecutionRunId,
        started?.firstExecutionRunId,
        started?.continuedExecutionRunId,
        failed?.baseRunId,
        failed?.newRunId,
      ];
      waiting.push(...others.flatMap((id) => (id == null || id === '' ? [] : [id])));
    }
  }
  // Reset or started anew meanwhile.
  const still = await latestExecution(temporal, workflowId);
  return still?.executionId === latest.executionId ? { state: 'closed', references } : UNCERTAIN;
}
