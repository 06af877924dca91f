// Flows for test/workflows/rule-of-two.test.ts: calls at once, and workflow code that says nothing of what its run has behind it.
import { workflowInfo } from '@temporalio/workflow';
import { flow } from '../../../workflows/flow.ts';
import { grant } from '../../../workflows/grants.ts';
import { localStep } from '../../../workflows/local-step.ts';
import type { Digest } from '../../../workflows/protocol/index.ts';
import { tool } from '../../../workflows/proxies.ts';
import { currentRun, stepInput } from '../../../workflows/run-state.ts';

export { agent } from '../../../workflows/agent.ts';
export { ingest } from '../../../workflows/ingest.ts';

interface Calls {
  readonly id: string;
  readonly tools: readonly string[];
}

/** Makes all calls at the same moment. */
export const callsAtOnce = flow<Calls>(async (run, { id, tools }) => {
  const outcomes = await Promise.all(tools.map(async (name) => await run.tool(name, { id })));
  return run.refuse(outcomes.map(({ tool: name, status }) => `${name} ${status}`).join(', '));
});

/** Searches, and calls a tool without any model. */
export const searchesAndCalls = flow<Calls & { readonly query: string }>(async (run, { id, tools, query }) => {
  await run.retrieve(query);
  const outcomes = [];
  for (const name of tools) outcomes.push(await run.tool(name, { id }));
  return run.refuse(outcomes.map(({ tool: name, status }) => `${name} ${status}`).join(', '));
});

/**
 * Reads, then acts, and says of neither that anything came before it. `early`: has the act judged first, and done last.
 */
export const forgets = flow<{ readonly id: string; readonly early: boolean }>(async (run, { id, early }) => {
  const state = currentRun();
  const { startTime, firstExecutionRunId } = workflowInfo();
  const { assertion } = state.envelope;
  const origin = { startedAt: startTime.toISOString(), ...(assertion !== undefined && { assertion }) };
  const trust = { labels: [{ origin: 'user', docIds: [], sensitivity: 'public' }], sawUntrusted: false } as const;
  const judged = async (name: string): Promise<Digest> => {
    const call = { tool: name, args: { id }, trust, firstExecutionRunId, flags: {} };
    const { effectKey } = await localStep('judgeCall', { ...stepInput(state, 'judgeCall'), ...origin, ...call });
    if (effectKey === undefined) throw new Error(`${name} was not judged`);
    return effectKey;
  };
  const done = async (effectKey: Digest): Promise<string> =>
    (await tool.callTool(grant({ ...stepInput(state, 'callTool'), ...origin, effectKey }))).status;
  const first = early ? await judged('post') : undefined;
  await done(await judged('read_case'));
  return run.refuse(await done(first ?? (await judged('post'))));
});
