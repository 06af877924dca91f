// The rule of two: three flags of a run, what a tool adds to them, and when a call would complete all three. Read by workflow code
// and by the policy alike. Pure.

import type { StepPath } from './ids.ts';
import type { Sensitivity } from './principal.ts';
import { SENSITIVITY_RANK } from './principal.ts';
import type { ToolDefinition } from './tool.ts';

/** What a tool can reach and do, whatever its arguments. */
export interface ToolAccess {
  /** The most sensitive data that it can give back, or send on. */
  readonly reads: Sensitivity;
  /** It changes something, or tells anybody outside something: whoever looks a thing up elsewhere tells that place what is looked up. */
  readonly acts: boolean;
}

/**
 * `sawUntrusted`: text of documents or of tools came into the run. `reachedSensitive`: what is confidential or above was shown to a
 * model of it, was found by its searches, or was in reach of a tool that it called. `acted`: it called a tool that acts.
 */
export const RUN_FLAGS = ['sawUntrusted', 'reachedSensitive', 'acted'] as const;
export type RunFlag = (typeof RUN_FLAGS)[number];

/** The step at which each flag became true. Absent: it is not. Monotone: no step takes one away. */
export type RunFlags = Readonly<Partial<Record<RunFlag, StepPath>>>;

/** The flags as they are for one question. */
export type FlagFacts = Readonly<Record<RunFlag, boolean>>;

/** As verdicts name the rule. */
export const RULE_OF_TWO = 'rule-of-two';

export const isSensitive = (sensitivity: Sensitivity): boolean =>
  SENSITIVITY_RANK[sensitivity] >= SENSITIVITY_RANK.confidential;

/**
 * What a tool that does not say counts as: it acts. Results of our own code are internal unless the code marks them, so that is its
 * reach; nobody marks what a tool of others gives back, so one of medium risk or above may reach everything.
 */
export function accessOf({ access, risk, source }: Pick<ToolDefinition, 'access' | 'risk' | 'source'>): ToolAccess {
  if (access !== undefined) return access;
  return { reads: source === undefined || risk === 'low' ? 'internal' : 'restricted', acts: true };
}

/** What a run has behind it once it called such a tool: whatever a tool gives back is text of others. */
export const flagsOfCall = ({ reads, acts }: ToolAccess): FlagFacts => ({
  sawUntrusted: true,
  reachedSensitive: isSensitive(reads),
  acted: acts,
});

export const factsOf = (flags: RunFlags): FlagFacts => ({
  sawUntrusted: flags.sawUntrusted !== undefined,
  reachedSensitive: flags.reachedSensitive !== undefined,
  acted: flags.acted !== undefined,
});

/** True where either is. */
export const eitherOf = (a: FlagFacts, b: FlagFacts): FlagFacts => ({
  sawUntrusted: a.sawUntrusted || b.sawUntrusted,
  reachedSensitive: a.reachedSensitive || b.reachedSensitive,
  acted: a.acted || b.acted,
});

const isComplete = (flags: FlagFacts): boolean => RUN_FLAGS.every((flag) => flags[flag]);

/**
 * Whether people must approve a call, by what the run did before it: when all three are true after it, and it is the call that makes
 * them so, or one that acts. So with all three true every further call that acts asks, and one that only reads does not.
 */
export function completesAllThree(before: FlagFacts, access: ToolAccess): boolean {
  return isComplete(eitherOf(before, flagsOfCall(access))) && (access.acts || !isComplete(before));
}
