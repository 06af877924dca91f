// The verb `record`: one trace row a run. Inserting the same run again changes nothing.
import { createHash } from 'node:crypto';
import type { Database } from '../runtime/database.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type {
  EngineActivities,
  RecordInput,
  RefusalReason,
  TraceRecord,
  Verdict,
} from '../workflows/protocol/index.ts';
import { localStep } from './local-step.ts';

export interface RecordDependencies {
  readonly db: Database;
  readonly runKeys: RunKeys;
  readonly now?: () => Date;
}

export function createRecord(dependencies: RecordDependencies): EngineActivities['record'] {
  const { db, runKeys, now = () => new Date() } = dependencies;
  return async (input) =>
    await localStep(runKeys, input, async () => {
      const trace = traceOf(input, now());
      const sql = db.of(input.tenant);
      await sql`
        insert into traces (run_id, tenant, trace_id, outcome, record, ended_at)
        values (${trace.run_id}, ${trace.tenant}, ${trace.trace_id}, ${trace.outcome}, ${sql.json(trace as never)}, ${trace.ended_at})
        on conflict (run_id) do nothing`;
      return { traceId: trace.trace_id };
    });
}

/** Pure but for its arguments. */
export function traceOf(input: RecordInput, endedAt: Date): TraceRecord {
  const { release, generation, usage } = input;
  const verdict = lastWord(input);
  return {
    trace_id: traceIdOf(input.traceparent, input.runId),
    prompt_version: release === undefined ? null : `${release.name}@${release.version}`,
    model: input.model,
    retrieved_docs: input.retrievedDocs,
    latency_ms: Math.max(0, endedAt.getTime() - Date.parse(input.startedAt)),
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    policy_result: verdict?.decision ?? 'deny',
    user_rating: null,
    v: 1,
    run_id: input.runId,
    tenant: input.tenant,
    kind: input.workflowType,
    outcome: input.outcome,
    outcome_detail: input.outcomeDetail,
    release_digest: release?.digest ?? null,
    policy_digest: input.verdict?.policyDigest ?? null,
    policy_rules: verdict?.rules ?? [],
    index_generation: generation?.id ?? null,
    build_id: input.buildId,
    retrieval_ms: input.retrievalMs,
    model_ms: input.modelMs,
    cost_usd: usage.costUsd,
    cached_tokens: usage.cachedTokens,
    ...(input.unsettled !== undefined && {
      unsettled: { calls: input.unsettled.calls, tokens: input.unsettled.tokens, cost_usd: input.unsettled.costUsd },
    }),
    coverage: input.coverage,
    citations: input.citations,
    repairs: input.repairs,
    tool_calls: input.toolCalls ?? 0,
    approvals: input.approvals ?? 0,
    ...(input.compensations !== undefined && {
      compensations: input.compensations.map(({ effectKey, ...what }) => ({ effect_key: effectKey, ...what })),
    }),
    ...(input.droppedPassages !== undefined && { dropped_passages: input.droppedPassages }),
    ...(input.attempts !== undefined && {
      model_attempts: input.attempts.map(({ stepPath, costUsd, ...attempt }) => ({
        step_path: stepPath,
        ...attempt,
        cost_usd: costUsd,
      })),
    }),
    ...input.found,
    ...(input.verdicts !== undefined && { verdicts: input.verdicts }),
    ...(input.rerank !== undefined && { rerank: input.rerank }),
    ...(input.flags !== undefined && { flags: input.flags }),
    started_at: input.startedAt,
    ended_at: endedAt.toISOString(),
  };
}

/** Of admission; of the denial, when the policy ended the run later. */
function lastWord({
  verdict,
  verdicts = [],
  outcomeDetail,
}: RecordInput): Pick<Verdict, 'decision' | 'rules'> | undefined {
  const endedByPolicy = outcomeDetail === ('policy-denied' satisfies RefusalReason);
  return (endedByPolicy ? verdicts.findLast(({ decision }) => decision === 'deny') : undefined) ?? verdict;
}

/** W3C Trace Context, 3.2.2: version ff and ids of zeros alone are invalid. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The caller's trace id, or one derived from the run id, so that each run has one. */
function traceIdOf(traceparent: string | undefined, runId: string): string {
  return TRACEPARENT.exec(traceparent ?? '')?.[1] ?? createHash('sha256').update(runId).digest('hex').slice(0, 32);
}
