// The three flags of a run, as it goes on: each with the step at which it became true, never taken back. Workflow code only.
import type { FlagFacts, FoundCounts, RunFlags, Sensitivity, StepPath, ToolAccess } from './protocol/index.ts';
import { accessOf, isSensitive, RUN_FLAGS, SENSITIVITY_OF_KIND } from './protocol/index.ts';
import type { RunState } from './run-state.ts';
import { releaseOf } from './run-state.ts';

/** As they are now: what comes later does not change it. */
export const flagsNow = ({ flags }: RunState): RunFlags => ({ ...flags });

export function raise(state: RunState, stepPath: StepPath, seen: Partial<FlagFacts>): void {
  for (const flag of RUN_FLAGS) {
    if (seen[flag] === true) state.flags[flag] ??= stepPath;
  }
}

/** What was shown, or found, is as sensitive as the highest of it. */
export const hasSensitive = (sensitivities: readonly Sensitivity[]): boolean => sensitivities.some(isSensitive);

/** A value that is masked is in reach, since tools get what a token stands for; only a secret's they do not. */
export function foundSensitive({ detected, masked }: FoundCounts): boolean {
  return SENSITIVE_KINDS.some((kind) => {
    const hidden = kind === 'secret' ? (masked[kind] ?? 0) : 0;
    return (detected[kind] ?? 0) > hidden;
  });
}

const SENSITIVE_KINDS = (Object.keys(SENSITIVITY_OF_KIND) as (keyof typeof SENSITIVITY_OF_KIND)[]).filter((kind) =>
  isSensitive(SENSITIVITY_OF_KIND[kind]),
);

/** Of a tool of the run's release. */
export function toolAccess(state: RunState, name: string): ToolAccess {
  const pinned = releaseOf(state).tools?.find((tool) => tool.name === name);
  return pinned?.access ?? accessOf({ risk: pinned?.risk ?? 'critical' });
}
