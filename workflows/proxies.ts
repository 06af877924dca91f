// One table of timeouts and retries for the engine's activities, each with its why. Workflow code only.
import type { ActivityOptions, LocalActivityOptions } from '@temporalio/workflow';
import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { EngineActivities } from './protocol/index.ts';

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

/** Without end: a run whose outcome cannot be written stays open rather than ending unrecorded. */
const RECORD: ActivityOptions = {
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
};

/** Costs money: few attempts, spaced by the provider's own delay; the heartbeat is how a killed worker is noticed. */
const MODEL: ActivityOptions = {
  startToCloseTimeout: '2 minutes',
  scheduleToCloseTimeout: '10 minutes',
  heartbeatTimeout: '10 seconds',
  retry: { maximumAttempts: 5, initialInterval: '1 second', maximumInterval: '1 minute' },
};

/** Hours for a large folder; resumes where the killed attempt was. */
const INDEX: ActivityOptions = {
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds', maximumAttempts: 20 },
};

export const local = proxyLocalActivities<EngineActivities>(LOCAL);
export const store = proxyActivities<EngineActivities>(STORE);
export const recording = proxyActivities<EngineActivities>(RECORD);
export const model = proxyActivities<EngineActivities>(MODEL);
export const index = proxyActivities<EngineActivities>(INDEX);
