// The verdicts of a run, for its trace: each answer once, in the order of the first time. Workflow code only.
import type { Verdict } from './protocol/index.ts';
import type { RunState } from './run-state.ts';

/** @param verdict absent in histories of before the step asked for one */
export function noteVerdict(state: RunState, verdict: Verdict | undefined): void {
  if (verdict === undefined) return;
  const { decision, rules, facts } = verdict;
  const summary = { action: facts.action, resource: facts.resource.id, decision, rules };
  const key = JSON.stringify(summary);
  if (!state.verdicts.has(key)) state.verdicts.set(key, summary);
}
