// The assertion that histories still replay: put it behind what a test ran, and over histories that were kept.
import type { NamedHistory, ReplayResult } from '../audit/replay.ts';
import { replayHistories } from '../audit/replay.ts';
import { bundleWorkflows } from '../runtime/workflow-bundle.ts';

export interface ReplayAssertion {
  /** File whose exports are the workflows. @default the engine's own */
  readonly workflowsPath?: string;
  /** As `run.history()` gives it, or parsed from JSON. */
  readonly histories: Iterable<NamedHistory> | AsyncIterable<NamedHistory>;
}

/**
 * @returns how many there were
 * @throws Error naming each run that does not replay and why; also when there were none, since that proves nothing
 */
export async function assertReplays({ workflowsPath, histories }: ReplayAssertion): Promise<number> {
  const workflowBundle = await bundleWorkflows({ workflowsPath });
  const results: ReplayResult[] = [];
  for await (const result of replayHistories({ workflowBundle, histories })) results.push(result);
  if (results.length === 0) throw new Error('There was no history to replay');
  const faults = results.filter(({ verdict }) => verdict !== 'ok');
  if (faults.length === 0) return results.length;
  const list = faults.map(({ runId, verdict, reason }) => `  ${runId}: ${verdict}: ${reason ?? ''}`).join('\n');
  throw new Error(`${faults.length} of ${results.length} histories do not replay:\n${list}`);
}
