// What Temporal has of executions, asked without reading their payloads: a memo that nobody can decode must not hide a run.
import type { Client } from '@temporalio/client';
import { isGrpcServiceError } from '@temporalio/client';

export interface Execution {
  readonly workflowId: string;
  /** Of the execution: a reset makes another one under the same workflow id. */
  readonly executionId: string;
  readonly workflowType: string;
  readonly status: ExecutionStatus;
  readonly startedAt: Date;
}

/** In the order of the server's numbers. */
const STATUSES = [
  'UNSPECIFIED',
  'RUNNING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'TERMINATED',
  'CONTINUED_AS_NEW',
  'TIMED_OUT',
  'PAUSED',
] as const;

/** `UNKNOWN` for one that this version does not know. */
export type ExecutionStatus = (typeof STATUSES)[number] | 'UNKNOWN';

type Service = Client['workflowService'];
type Info = NonNullable<Awaited<ReturnType<Service['listWorkflowExecutions']>>['executions']>[number];
type Events = NonNullable<
  NonNullable<Awaited<ReturnType<Service['getWorkflowExecutionHistory']>>['history']>['events']
>;

const PAGE = 500;
const NOT_FOUND = 5;

const isNotFound = (error: unknown): boolean => isGrpcServiceError(error) && error.code === NOT_FOUND;

/** Id of the namespace itself: another one of the same name, on another server or made anew, has another. */
export async function namespaceIdOf({ workflowService, options: { namespace } }: Client): Promise<string> {
  const { namespaceInfo } = await workflowService.describeNamespace({ namespace });
  if (namespaceInfo?.id == null || namespaceInfo.id === '') throw new Error(`Namespace ${namespace} has no id`);
  return namespaceInfo.id;
}

/** As visibility has it, a moment behind. @param query a list filter of Temporal */
export async function* listExecutions(
  { workflowService, options: { namespace } }: Client,
  query: string,
): AsyncGenerator<Execution> {
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await workflowService.listWorkflowExecutions({
      namespace,
      query,
      pageSize: PAGE,
      ...(nextPageToken !== undefined && { nextPageToken }),
    });
    for (const info of page.executions ?? []) yield executionOf(info);
    nextPageToken = (page.nextPageToken?.length ?? 0) > 0 ? (page.nextPageToken ?? undefined) : undefined;
  } while (nextPageToken !== undefined);
}

/** The latest execution, certain and not a moment behind; `undefined` for none. A namespace that is not there has none either. */
export async function latestExecution(
  { workflowService, options: { namespace } }: Client,
  workflowId: string,
): Promise<Execution | undefined> {
  try {
    const { workflowExecutionInfo } = await workflowService.describeWorkflowExecution({
      namespace,
      execution: { workflowId },
    });
    if (workflowExecutionInfo == null) throw new Error(`Temporal describes nothing of ${workflowId}`);
    return executionOf(workflowExecutionInfo);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Every event, payloads as the server has them; `undefined` when the history is not there. */
export async function eventsOf(
  { workflowService, options: { namespace } }: Client,
  { workflowId, executionId }: Pick<Execution, 'workflowId' | 'executionId'>,
): Promise<Events | undefined> {
  const events: Events = [];
  let nextPageToken: Uint8Array | undefined;
  try {
    do {
      const page = await workflowService.getWorkflowExecutionHistory({
        namespace,
        execution: { workflowId, runId: executionId },
        ...(nextPageToken !== undefined && { nextPageToken }),
      });
      events.push(...(page.history?.events ?? []));
      nextPageToken = (page.nextPageToken?.length ?? 0) > 0 ? (page.nextPageToken ?? undefined) : undefined;
    } while (nextPageToken !== undefined);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  return events;
}

function executionOf({ execution, type, status, startTime }: Info): Execution {
  return {
    workflowId: execution?.workflowId ?? '',
    executionId: execution?.runId ?? '',
    workflowType: type?.name ?? '',
    status: STATUSES[status ?? 0] ?? 'UNKNOWN',
    startedAt: new Date(Number(startTime?.seconds ?? 0) * 1000 + (startTime?.nanos ?? 0) / 1_000_000),
  };
}
