// Runs a verb as a local activity, and as a regular one when the local attempt ran out of time or tries. Workflow code only.
import { ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import { activityCause } from './activity-cause.ts';
import { grant } from './grants.ts';
import type { EngineActivities } from './protocol/index.ts';
import { local, recording, store } from './proxies.ts';

type LocalVerb =
  | 'admit'
  | 'retrieve'
  | 'assemble'
  | 'validate'
  | 'record'
  | 'judgeCall'
  | 'requestApproval'
  | 'requestAnswer'
  | 'takeAnswer'
  | 'closeApproval'
  | 'planCompensations';

/** A run does not go on, or end, without these. */
const ENDS_RUN: ReadonlySet<LocalVerb> = new Set(['record', 'closeApproval', 'planCompensations']);

/**
 * Not an async function: each promise in workflow code costs the worker a stack trace (about 60 µs), and this is on the path of
 * every step.
 *
 * @throws ActivityFailure with a non-retryable cause, or when the regular activity gave up too
 */
export function localStep<Verb extends LocalVerb>(
  verb: Verb,
  input: Parameters<EngineActivities[Verb]>[0],
): Promise<Awaited<ReturnType<EngineActivities[Verb]>>> {
  type Step = (input: unknown) => Promise<Awaited<ReturnType<EngineActivities[Verb]>>>;
  grant(input);
  return (local[verb] as Step)(input).catch((error: unknown) => {
    if (!isWorthRepeating(error)) throw error;
    const regular = ENDS_RUN.has(verb) ? recording : store;
    return (regular[verb] as Step)(input);
  });
}

/**
 * A timeout, or a failure that may pass. Looks through ActivityFailure where there is one: the SDK wraps a local activity's
 * failure in it while the activity runs, and on replay throws a timeout bare (seen on 1.24).
 */
function isWorthRepeating(error: unknown): boolean {
  const cause = activityCause(error);
  if (cause instanceof TimeoutFailure) return true;
  return cause instanceof ApplicationFailure && cause.nonRetryable !== true;
}
