// What an activity's failure wraps. Workflow code only.
import { ActivityFailure } from '@temporalio/workflow';

/** The failure that the activity ended with; anything else as it is. */
export const activityCause = (error: unknown): unknown => (error instanceof ActivityFailure ? error.cause : error);
