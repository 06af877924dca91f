// Creates or changes a Temporal Schedule that starts the engine's workflow of chores.
import type { Client, ScheduleOptions } from '@temporalio/client';
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { MAINTAIN } from '../workflows/protocol/index.ts';

/** An end for one that no worker serves: the schedule would wait for it for ever. */
export const TOTAL = '1 day';

export interface ChoreSchedule {
  /** Of the schedule, and of the workflow that it starts. */
  readonly id: string;
  readonly everyMs: number;
  readonly taskQueue: string;
}

/** What is under way is not begun twice, and what is missed while the server is away is not made up for: the next one does it. */
export async function putSchedule(
  temporal: Client,
  { id, everyMs, taskQueue }: ChoreSchedule,
): Promise<'created' | 'updated'> {
  const options: Omit<ScheduleOptions, 'scheduleId'> = {
    spec: { intervals: [{ every: everyMs }] },
    action: {
      type: 'startWorkflow',
      workflowType: MAINTAIN,
      workflowId: id,
      taskQueue,
      args: [],
      workflowExecutionTimeout: TOTAL,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '10 minutes' },
  };
  try {
    await temporal.schedule.create({ ...options, scheduleId: id });
    return 'created';
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
  await temporal.schedule
    .getHandle(id)
    .update(({ state }) => ({ ...options, state, action: { ...options.action, args: [] } }));
  return 'updated';
}
