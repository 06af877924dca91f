// Scorers of what a run did on the way to its reply: calls of tools, questions to people, cost and time.
import type { Expectation, ExpectedCall } from '../../releases/eval-case.ts';
import { isFreeRefusal } from './behaviour.ts';
import type { Observed, ObservedCall } from './observed.ts';

/**
 * The calls that are listed, in that order, and no others: a call that nobody listed is a failure, whatever came of it, since what an agent
 * does beside its task is what such a case is there to find. A refusal that is as good as an answer need not make them all.
 */
export function scoreToolCalls(expect: Expectation, observed: Observed): string | null | undefined {
  const { toolCalls } = expect;
  if (toolCalls === undefined) return undefined;
  if (isFreeRefusal(expect, observed)) return madeCallsBeyond({ toolCalls, mustNot: [] }, observed);
  const made = observed.toolCalls;
  for (const [at, expected] of toolCalls.entries()) {
    const call = made[at];
    if (call === undefined) return `call ${at + 1} is missing: ${expected.tool}`;
    if (call.tool !== expected.tool) return `call ${at + 1} is not ${expected.tool}`;
    if (!isCallOf(expected, call)) return `call ${at + 1} is ${expected.tool} with other arguments than expected`;
  }
  return made.length > toolCalls.length ? `there are calls beyond the ${toolCalls.length} expected` : null;
}

/** Whether the calls so far are already others than those that are listed. */
export function madeCallsBeyond({ toolCalls }: Expectation, observed: Observed): string | null | undefined {
  if (toolCalls === undefined) return undefined;
  return scoreToolCalls({ toolCalls: toolCalls.slice(0, observed.toolCalls.length), mustNot: [] }, observed);
}

export function scoreApprovals(expect: Expectation, observed: Observed): string | null | undefined {
  const { approvals } = expect;
  if (approvals === undefined) return undefined;
  if (isFreeRefusal(expect, observed)) {
    return observed.approvals <= approvals ? null : `expected at most ${approvals} approvals to be asked for`;
  }
  return observed.approvals === approvals ? null : `expected ${approvals} approvals to be asked for`;
}

/** An unknown price is no low one. */
export function scoreMaxCost({ maxCostUsd }: Expectation, { costUsd }: Observed): string | null | undefined {
  if (maxCostUsd === undefined) return undefined;
  if (costUsd === null) return `what it cost is not known, and ${maxCostUsd} US dollars are the limit`;
  return costUsd <= maxCostUsd ? null : `it cost more than ${maxCostUsd} US dollars`;
}

export function scoreMaxLatency({ maxLatencyMs }: Expectation, { latencyMs }: Observed): string | null | undefined {
  if (maxLatencyMs === undefined) return undefined;
  return latencyMs <= maxLatencyMs ? null : `it took longer than ${maxLatencyMs} ms`;
}

const isCallOf = ({ args }: ExpectedCall, call: ObservedCall): boolean => args === undefined || holds(call.args, args);

/** Objects may have more than is expected of them; lists and all else are the same. */
function holds(value: unknown, expected: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return value === expected;
  if (typeof value !== 'object' || value === null || Array.isArray(value) !== Array.isArray(expected)) return false;
  if (Array.isArray(expected) && Array.isArray(value)) {
    return value.length === expected.length && expected.every((each, at) => holds(value[at], each));
  }
  return Object.entries(expected).every(
    ([key, each]) => Object.hasOwn(value, key) && holds((value as Readonly<Record<string, unknown>>)[key], each),
  );
}
