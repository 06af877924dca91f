// The chore `sweepStarts`: what `countersign runs sweep` does, by the hour. Which runs it were, the security log says.
import type { Client } from '@temporalio/client';
import type { Database } from '../runtime/database.ts';
import { sweepStarts } from '../runtime/sweep-starts.ts';
import type { MaintenanceActivities } from '../workflows/protocol/index.ts';
import { createProgress } from './progress.ts';

export interface SweepStartsDependencies {
  readonly db: Database;
  readonly temporal: Client;
}

/** Far longer than the time between two sweeps: what was missed while no worker ran is found by the next. */
const LOOK_BACK_MS = 48 * 3_600_000;

export function createSweepStarts({ db, temporal }: SweepStartsDependencies): MaintenanceActivities['sweepStarts'] {
  return async () => {
    const since = new Date(Date.now() - LOOK_BACK_MS);
    const sweep = sweepStarts(temporal, db, { since, via: 'worker' });
    const { looked, unledgered, neverStarted } = await createProgress().during(sweep);
    return { v: 1, looked, unledgered: unledgered.length, neverStarted: neverStarted.length };
  };
}
