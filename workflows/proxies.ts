// One table of timeouts and retries for the engine's activities, each with its why. Workflow code only.
import type { ActivityOptions, LocalActivityOptions } from '@temporalio/workflow';
import { ActivityCancellationType, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { EngineActivities, MaintenanceActivities } from './protocol/index.ts';

/** Short and few: an Update waits as long as a local activity runs. After these the same verb runs as a regular activity. */
const LOCAL: LocalActivityOptions = {
  scheduleToCloseTimeout: '2 seconds',
  retry: { maximumAttempts: 2, initialInterval: '50 milliseconds' },
};

/** The same verb where a database is slow or away: patient, because nothing outside our systems is touched. */
const STORE: ActivityOptions = {
  startToCloseTimeout: '10 seconds',
  scheduleToCloseTimeout: '10 minutes',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '15 seconds' },
};

/** For a draft of megabytes: ten at once take their turns. */
const LONG: ActivityOptions = { ...STORE, startToCloseTimeout: '5 minutes', scheduleToCloseTimeout: '15 minutes' };

/** Without end: a run whose outcome cannot be written stays open rather than ending unrecorded. */
const RECORD: ActivityOptions = {
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
};

/**
 * Costs money: few attempts, spaced by the provider's own delay. One attempt may wait 8 minutes for its turn at a rate limit, half a
 * minute for a provider that is being seen after, and then call for 2 minutes: the heartbeat is how a killed worker is noticed.
 */
const MODEL_TOTAL_MS = 12 * 60_000;
const MODEL: ActivityOptions = {
  startToCloseTimeout: '11 minutes',
  scheduleToCloseTimeout: MODEL_TOTAL_MS,
  heartbeatTimeout: '10 seconds',
  retry: { maximumAttempts: 5, initialInterval: '1 second', maximumInterval: '1 minute' },
};

/** Somebody waits for a search: an endpoint that is asked for one vector answers within seconds, or is away. */
const LOOKUP: ActivityOptions = {
  startToCloseTimeout: '30 seconds',
  scheduleToCloseTimeout: '2 minutes',
  heartbeatTimeout: '10 seconds',
  retry: { maximumAttempts: 5, initialInterval: '500 milliseconds', maximumInterval: '10 seconds' },
};

/** A check that asks somebody else: it decides itself how long it waits, and a second attempt is for a worker that was killed. */
const CHECK: ActivityOptions = {
  startToCloseTimeout: '2 minutes',
  scheduleToCloseTimeout: '5 minutes',
  retry: { maximumAttempts: 3, initialInterval: '500 milliseconds', maximumInterval: '5 seconds' },
};

/** The search goes on without it, so it is not waited for long. */
const IMPATIENT: ActivityOptions = {
  ...LOOKUP,
  startToCloseTimeout: '15 seconds',
  scheduleToCloseTimeout: '20 seconds',
  retry: { maximumAttempts: 3, initialInterval: '250 milliseconds', maximumInterval: '2 seconds' },
};

/**
 * A tool does something outside. The heartbeat is how a killed or sleeping worker is noticed, and longer than the lease of the
 * ledger's claim. Cancelling waits for the end of the effect: half an effect is nobody's wish.
 */
const TOOL: ActivityOptions = {
  startToCloseTimeout: '11 minutes',
  scheduleToCloseTimeout: '1 hour',
  heartbeatTimeout: '10 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  // Ten: a worker that sleeps still holds polls, and swallows the attempts that the server gives it.
  retry: { maximumAttempts: 10, initialInterval: '1 second', maximumInterval: '30 seconds' },
};

/** Hours for a large folder; resumes where the killed attempt was. */
const INDEX: ActivityOptions = {
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds', maximumAttempts: 20 },
};

/**
 * Chores over everything there is: hours, where there is much. Goes on where the killed attempt was. Few attempts: what fails now is
 * done by the next run of the schedule.
 */
const CHORE: ActivityOptions = {
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute', maximumAttempts: 5 },
};

export const local = proxyLocalActivities<EngineActivities>(LOCAL);
export const store = proxyActivities<EngineActivities>(STORE);
export const long = proxyActivities<EngineActivities>(LONG);
export const recording = proxyActivities<EngineActivities>(RECORD);
/** @param withinMs what is left of the run's time; `undefined` without a limit */
export function modelWithin(withinMs: number | undefined): Pick<EngineActivities, 'generate' | 'judgeAnswer'> {
  if (withinMs === undefined || withinMs >= MODEL_TOTAL_MS) return model;
  return proxyActivities<EngineActivities>({ ...MODEL, scheduleToCloseTimeout: Math.max(1, withinMs) });
}

const model = proxyActivities<EngineActivities>(MODEL);
export const remote = proxyActivities<Pick<EngineActivities, 'checkRemotely'>>(CHECK);
export const lookup = proxyActivities<Pick<EngineActivities, 'embed' | 'moderate'>>(LOOKUP);
export const impatient = proxyActivities<Pick<EngineActivities, 'rerank'>>(IMPATIENT);
export const tool = proxyActivities<EngineActivities>(TOOL);
export const index = proxyActivities<EngineActivities>(INDEX);
export const chore = proxyActivities<MaintenanceActivities>(CHORE);
