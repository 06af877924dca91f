// The engine's chores by schedule: one schedule a task queue, made or brought up to date by whoever deploys; and what the last run found.
import type { Client } from '@temporalio/client';
import { ScheduleNotFoundError, WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { UserError } from '../runtime/errors.ts';
import type { MaintenanceReport } from '../workflows/protocol/index.ts';
import { MAINTAIN, maintenanceId } from '../workflows/protocol/index.ts';
import { putSchedule, TOTAL } from './put-schedule.ts';

export interface MaintenanceRun {
  /** RFC 3339. */
  readonly startedAt: string;
  /** `gone`: Temporal keeps it no longer. `ended`: cancelled, terminated or timed out. */
  readonly state: 'running' | 'completed' | 'failed' | 'ended' | 'gone';
  /** Of a completed one. */
  readonly report: MaintenanceReport | null;
  /** Why it failed; empty otherwise. */
  readonly failure: string;
}

export interface MaintenanceStatus {
  /** Id of the schedule in Temporal. */
  readonly id: string;
  readonly scheduled: boolean;
  readonly paused: boolean;
  readonly everyHours: number | null;
  /** RFC 3339; `null` while it is paused or not there. */
  readonly nextAt: string | null;
  /** The latest that the schedule started. */
  readonly last: MaintenanceRun | null;
}

export interface Maintenance {
  /**
   * Makes the schedule, or brings it up to date; one that was paused stays paused. Safe to repeat.
   *
   * @param everyHours @default 1
   */
  schedule(everyHours?: number): Promise<'created' | 'updated'>;
  /** Runs the chores now, beside the schedule, and waits for what they find; joins a run that was begun this way. @throws UserError */
  run(): Promise<MaintenanceReport>;
  status(): Promise<MaintenanceStatus>;
}

const HOUR_MS = 3_600_000;

export function createMaintenance(temporal: Client, taskQueue: string): Maintenance {
  const id = maintenanceId(taskQueue);

  async function runOf(workflowId: string, executionId: string | undefined, startedAt: Date): Promise<MaintenanceRun> {
    const handle = temporal.workflow.getHandle(workflowId, executionId);
    const run = { startedAt: startedAt.toISOString(), report: null, failure: '' };
    try {
      const { status } = await handle.describe();
      if (status.name === 'RUNNING' || status.name === 'PAUSED') return { ...run, state: 'running' };
      if (status.name !== 'COMPLETED' && status.name !== 'FAILED') return { ...run, state: 'ended' };
      return { ...run, state: 'completed', report: (await handle.result()) as MaintenanceReport };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return { ...run, state: 'gone' };
      if (error instanceof WorkflowFailedError) return { ...run, state: 'failed', failure: wordsOf(error) };
      throw error;
    }
  }

  return {
    schedule: async (everyHours = 1) => await putSchedule(temporal, { id, everyMs: everyHours * HOUR_MS, taskQueue }),
    async run() {
      const handle = await temporal.workflow.start(MAINTAIN, {
        workflowId: `${id}:by-hand`,
        taskQueue,
        args: [],
        workflowExecutionTimeout: TOTAL,
        workflowIdConflictPolicy: 'USE_EXISTING',
      });
      try {
        return (await handle.result()) as MaintenanceReport;
      } catch (error) {
        if (!(error instanceof WorkflowFailedError)) throw error;
        throw new UserError(`The chores of task queue ${taskQueue} failed: ${wordsOf(error)}`, {
          hint: 'What was done stays done. Run them again once the cause is gone.',
          cause: error,
        });
      }
    },
    async status() {
      try {
        const { spec, state, info } = await temporal.schedule.getHandle(id).describe();
        const last = info.recentActions.at(-1);
        const { workflowId, firstExecutionRunId } = last?.action.workflow ?? {};
        return {
          id,
          scheduled: true,
          paused: state.paused,
          everyHours: (spec.intervals?.[0]?.every ?? 0) / HOUR_MS,
          nextAt: state.paused ? null : (info.nextActionTimes[0]?.toISOString() ?? null),
          last:
            last === undefined || workflowId === undefined
              ? null
              : await runOf(workflowId, firstExecutionRunId, last.takenAt),
        };
      } catch (error) {
        if (!(error instanceof ScheduleNotFoundError)) throw error;
        return { id, scheduled: false, paused: false, everyHours: null, nextAt: null, last: null };
      }
    },
  };
}

/** Of a failed activity what it failed with, not that it failed. */
function wordsOf({ cause }: WorkflowFailedError): string {
  const failure = cause instanceof ActivityFailure ? cause.cause : cause;
  if (failure instanceof ApplicationFailure) return failure.message;
  return failure?.message ?? 'nobody says why';
}
