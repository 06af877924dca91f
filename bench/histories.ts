// What a run leaves in Temporal: events by kind, and bytes as the server counts them.
import type { Client } from '@temporalio/client';
import { median } from './statistics.ts';

export interface HistoryFigures {
  readonly events: number;
  readonly bytes: number;
  readonly workflowTasks: number;
  readonly activities: number;
  readonly localActivities: number;
}

/** Medians over the runs. */
export async function historyFigures(temporal: Client, workflowIds: readonly string[]): Promise<HistoryFigures> {
  const each = await Promise.all(workflowIds.map((workflowId) => figuresOf(temporal, workflowId)));
  const of = (key: keyof HistoryFigures): number => Math.round(median(each.map((figures) => figures[key])));
  return {
    events: of('events'),
    bytes: of('bytes'),
    workflowTasks: of('workflowTasks'),
    activities: of('activities'),
    localActivities: of('localActivities'),
  };
}

async function figuresOf(temporal: Client, workflowId: string): Promise<HistoryFigures> {
  const handle = temporal.workflow.getHandle(workflowId);
  const { historyLength, historySize } = await handle.describe();
  const events = (await handle.fetchHistory()).events ?? [];
  return {
    events: historyLength,
    bytes: historySize ?? 0,
    workflowTasks: events.filter((event) => event.workflowTaskCompletedEventAttributes != null).length,
    activities: events.filter((event) => event.activityTaskCompletedEventAttributes != null).length,
    localActivities: events.filter((event) => event.markerRecordedEventAttributes?.markerName === 'core_local_activity')
      .length,
  };
}
