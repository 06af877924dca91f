// The ledger of paid model calls: a claim before, the sealed reply after, both insert-only. A later attempt finds the reply.
import { z } from 'zod';
import type { Database, Transaction } from '../runtime/database.ts';
import { open, seal } from '../runtime/keys/index.ts';
import type { Unsettled, Usage } from '../workflows/protocol/index.ts';
import type { Reserve } from './model-cost.ts';
import type { ModelReply } from './ports/model.ts';
import type { DayLimits } from './spend.ts';
import { lockDay, requireWithinDay } from './spend.ts';

const storedSchema = z.object({
  text: z.string(),
  finishReason: z.enum(['stop', 'length', 'content-filter', 'insufficient-context', 'tool-calls']),
  toolCalls: z.array(z.object({ id: z.string(), tool: z.string(), args: z.unknown() })).optional(),
  usage: z.object({
    inputTokens: z.number(),
    outputTokens: z.number(),
    cachedTokens: z.number(),
    cacheWriteTokens: z.number().optional(),
    costUsd: z.number().nullable(),
  }),
  estimated: z.literal(true).optional(),
});

export interface SettledReply extends ModelReply {
  readonly usage: Usage;
  /** The endpoint did not count its tokens: they are those that were reserved. Absent otherwise. */
  readonly estimated?: true;
}

export interface PaidCall {
  readonly key: string;
  readonly attempt: number;
  readonly tenant: string;
  readonly runId: string;
  readonly stepPath: string;
  readonly model: string;
  readonly runKey: Uint8Array;
  readonly reserve: Reserve;
}

export interface ModelCalls {
  /**
   * Notes that this attempt is about to pay; gives the reply that an earlier attempt already paid for, if any.
   *
   * @param limits of the day. @default none
   * @throws ApplicationFailure BudgetAsks, BudgetExhausted, non-retryable: nothing may be paid, and nothing was noted
   */
  claim(call: PaidCall, limits?: DayLimits): Promise<SettledReply | undefined>;
  /** Keeps the reply and gives the one that counts: the first that was kept. */
  settle(call: PaidCall, reply: SettledReply): Promise<SettledReply>;
  /** The reply that was kept for a call; `undefined` where there is none. */
  reply(call: Pick<PaidCall, 'tenant' | 'key' | 'runKey'>): Promise<SettledReply | undefined>;
  /** Notes that the claim of this attempt was paid for by nobody. */
  refuse(call: PaidCall, failure: string): Promise<void>;
  /**
   * What earlier attempts may have been paid for without anybody knowing: killed, or cut off in the middle.
   *
   * @param settled whether one of them got the reply
   */
  unsettled(call: PaidCall, settled: boolean): Promise<Unsettled | undefined>;
}

export function createModelCalls(db: Database): ModelCalls {
  const find = async (call: Pick<PaidCall, 'tenant' | 'key' | 'runKey'>): Promise<SettledReply | undefined> => {
    const [row] = await db.of(call.tenant)<{ sealed: Uint8Array }[]>`
      select sealed from model_results where call_key = ${call.key}`;
    if (row === undefined) return undefined;
    const { toolCalls, usage, estimated, ...reply } = storedSchema.parse(
      JSON.parse(open(call.runKey, call.key, row.sealed).toString('utf8')),
    );
    const { cacheWriteTokens, ...tokens } = usage;
    return {
      ...reply,
      ...(toolCalls !== undefined && { toolCalls }),
      ...(estimated !== undefined && { estimated }),
      usage: { ...tokens, ...(cacheWriteTokens !== undefined && { cacheWriteTokens }) },
    };
  };
  return {
    reply: find,
    async claim(call, limits) {
      const { tenant } = call;
      const sql = db.of(tenant);
      if (limits === undefined || limits.budgets.length === 0) {
        const [found] = await Promise.all([find(call), note(sql, call)]);
        return found;
      }
      const found = await find(call);
      if (found !== undefined) return found;
      await sql.begin(async (tx) => {
        await lockDay(tx, tenant, limits);
        await note(tx, call);
        await requireWithinDay(tx, tenant, limits);
      });
      return undefined;
    },
    async refuse({ key, attempt, tenant, runId }, failure) {
      await db.of(tenant)`
        insert into model_refusals (call_key, attempt, tenant, run_id, failure)
        values (${key}, ${attempt}, ${tenant}, ${runId}, ${failure}) on conflict do nothing`;
    },
    async unsettled({ key, attempt, tenant }, settled) {
      if (attempt === 1) return undefined;
      const rows = await db.of(tenant)<{ tokens: string; usd: string | null }[]>`
        select c.reserved_tokens::text as tokens, c.reserved_usd::text as usd from model_calls c
        where c.call_key = ${key} and c.attempt < ${attempt}
          and not exists (select from model_refusals f where f.call_key = c.call_key and f.attempt = c.attempt)
        order by c.attempt desc offset ${settled ? 1 : 0}`;
      if (rows.length === 0) return undefined;
      const known = rows.every(({ usd }) => usd !== null);
      return {
        calls: rows.length,
        tokens: rows.reduce((sum, { tokens }) => sum + Number(tokens), 0),
        costUsd: known ? rows.reduce((sum, { usd }) => sum + Number(usd), 0) : null,
      };
    },
    async settle(call, reply) {
      const sealed = seal(call.runKey, call.key, Buffer.from(JSON.stringify(reply)));
      const { inputTokens, outputTokens, costUsd } = reply.usage;
      const inserted = await db.of(call.tenant)`
        insert into model_results (call_key, tenant, run_id, sealed, input_tokens, output_tokens, cost_usd)
        values (${call.key}, ${call.tenant}, ${call.runId}, ${sealed}, ${inputTokens}, ${outputTokens}, ${costUsd})
        on conflict do nothing returning call_key`;
      return inserted.length > 0 ? reply : ((await find(call)) ?? reply);
    },
  };
}

async function note(sql: Transaction, call: PaidCall): Promise<void> {
  const { key, attempt, tenant, runId, stepPath, model, reserve } = call;
  await sql`
    insert into model_calls (call_key, attempt, tenant, run_id, step_path, model, reserved_tokens, reserved_usd)
    values (${key}, ${attempt}, ${tenant}, ${runId}, ${stepPath}, ${model}, ${reserve.tokens}, ${reserve.usd})
    on conflict do nothing`;
}
