// The verdicts of a run, for its trace: each answer once, in the order of the first time; and what was found in its prompts. Workflow
// code only.
import type { DetectedKind, FoundCounts, KindCounts, Verdict, VerdictSummary } from './protocol/index.ts';
import type { RunState } from './run-state.ts';

/** @param verdict absent in histories of before the step asked for one */
export function noteVerdict(state: RunState, verdict: Verdict | undefined): void {
  if (verdict === undefined) return;
  const summary = summaryOf(verdict);
  const key = JSON.stringify(summary);
  if (!state.verdicts.has(key)) state.verdicts.set(key, summary);
}

export function summaryOf({ decision, rules, facts, mask }: Verdict): VerdictSummary {
  return {
    action: facts.action,
    resource: facts.resource.id,
    decision,
    rules,
    ...(mask !== undefined && { mask: mask.mask }),
  };
}

/** The most of one prompt: a later one has what was in the earlier ones. @param found absent when nothing was */
export function noteFound(state: RunState, found: FoundCounts | undefined): void {
  if (found === undefined) return;
  const { detected = {}, masked = {} } = state.found ?? {};
  state.found = { detected: most(detected, found.detected), masked: most(masked, found.masked) };
}

function most(a: KindCounts, b: KindCounts): KindCounts {
  const counts: Partial<Record<DetectedKind, number>> = { ...a };
  for (const [kind, count] of Object.entries(b) as [DetectedKind, number][]) {
    counts[kind] = Math.max(counts[kind] ?? 0, count);
  }
  return counts;
}
