// Workflows that lie about what they undo, for test/workflows/compensation-lies.test.ts: they reach past the fence, as code could that
// somebody swapped.
import { workflowInfo } from '@temporalio/workflow';
import { flow } from '../../../workflows/flow.ts';
import { grant } from '../../../workflows/grants.ts';
import { localStep } from '../../../workflows/local-step.ts';
import type { Digest } from '../../../workflows/protocol/index.ts';
import { tool } from '../../../workflows/proxies.ts';
import { currentRun, stepInput } from '../../../workflows/run-state.ts';

interface Lie {
  /** Tools that are called first, each on the item. */
  readonly calls: readonly string[];
  readonly item: string;
  /** Said to be the one that undoes the latest of them. */
  readonly by: string;
  /** Said to be undone instead. */
  readonly effectKey?: Digest;
  /** Arguments that the tool of the effect did not make. */
  readonly args?: unknown;
  /** How often it is judged before it is called as often. @default 1 */
  readonly times?: number;
  /** Called as a call of its own, with `args`. */
  readonly onItsOwn?: boolean;
}

export const liar = flow<Lie>(async (run, lie) => {
  for (const call of lie.calls) await run.tool(call, { item: lie.item });
  const state = currentRun();
  const { startTime, firstExecutionRunId } = workflowInfo();
  const { assertion } = state.envelope;
  const origin = { startedAt: startTime.toISOString(), ...(assertion !== undefined && { assertion }) };
  const { effects } = await localStep('planCompensations', stepInput(state, 'planCompensations'));
  const compensates = lie.effectKey ?? effects[0]?.effectKey;
  const trust = { labels: [{ origin: 'user', docIds: [], sensitivity: 'public' }], sawUntrusted: false } as const;
  const keys: Digest[] = [];
  for (let i = 0; i < (lie.times ?? 1); i++) {
    const judged = await localStep('judgeCall', {
      ...stepInput(state, 'judgeCall'),
      ...origin,
      firstExecutionRunId,
      tool: lie.by,
      args: lie.args ?? null,
      trust,
      ...(compensates !== undefined && lie.onItsOwn !== true && { compensates }),
    });
    if (judged.effectKey === undefined) return run.refuse(`${judged.outcome}: ${judged.message}`);
    keys.push(judged.effectKey);
  }
  let status = '';
  for (const effectKey of keys) {
    status = (await tool.callTool(grant({ ...stepInput(state, 'callTool'), ...origin, effectKey }))).status;
  }
  return run.refuse(status);
});
