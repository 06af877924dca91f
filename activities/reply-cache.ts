// Replies that are given again to whoever asks the same and may see the same, where a release says so. Nothing is copied: a row points to
// the reply as the run that paid for it has it, under that run's key.
import { ApplicationFailure } from '@temporalio/common';
import { canonicalJson } from '../runtime/canonical.ts';
import type { Database } from '../runtime/database.ts';
import type { RunKeys, TenantKeys } from '../runtime/keys/index.ts';
import type { Digest, Principal, Prompt, RunId } from '../workflows/protocol/index.ts';
import { Failure, HashPrefix } from '../workflows/protocol/index.ts';
import type { ModelCalls, SettledReply } from './model-calls.ts';

export interface Reusable {
  readonly tenant: string;
  readonly releaseDigest: Digest;
  /** As the release names it. */
  readonly model: string;
  /** As it is sent. */
  readonly prompt: Prompt;
  readonly principal: Principal;
}

export interface ReusedReply {
  /** Costs nothing. */
  readonly reply: SettledReply;
  /** Who paid for it. */
  readonly from: RunId;
}

export interface ReplyCache {
  find(asked: Reusable): Promise<ReusedReply | undefined>;
  /** Once it is settled. The first that is kept stays, until its time is over. */
  keep(asked: Reusable, call: { readonly key: string; readonly runId: string }, minutes: number): Promise<void>;
}

const FREE = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, costUsd: 0 } as const;
/** Expired rows that go with each one that comes. */
const SWEPT = 100;

export interface ReplyCacheDependencies {
  readonly db: Database;
  readonly runKeys: RunKeys;
  readonly tenantKeys: Pick<TenantKeys, 'pseudonym'>;
  readonly modelCalls: Pick<ModelCalls, 'reply'>;
}

export function createReplyCache({ db, runKeys, tenantKeys, modelCalls }: ReplyCacheDependencies): ReplyCache {
  const keyOf = async ({ tenant, releaseDigest, model, prompt, principal }: Reusable): Promise<string> => {
    const { groups, roles, clearance } = principal;
    const visibility = { groups: [...groups].sort(), roles: [...roles].sort(), clearance };
    return await tenantKeys.pseudonym(
      tenant,
      HashPrefix.ReusableReply,
      canonicalJson({ releaseDigest, model, prompt, visibility }),
    );
  };
  return {
    async find(asked) {
      const { tenant } = asked;
      const [row] = await db.of(tenant)<{ call_key: string; run_id: RunId }[]>`
        select call_key, run_id from reusable_replies
        where tenant = ${tenant} and key = ${await keyOf(asked)} and expires_at > now()`;
      if (row === undefined) return undefined;
      const run = await runKeys.find(row.run_id).catch((error: unknown) => {
        // What was erased is gone for everybody.
        if (error instanceof ApplicationFailure && error.type === Failure.Erased) return undefined;
        throw error;
      });
      const reply = run && (await modelCalls.reply({ tenant, key: row.call_key, runKey: run.key }));
      return reply && { reply: { ...reply, usage: FREE }, from: row.run_id };
    },
    async keep(asked, { key: callKey, runId }, minutes) {
      const { tenant } = asked;
      const sql = db.of(tenant);
      await sql`delete from reusable_replies where tenant = ${tenant} and key in (
        select key from reusable_replies where tenant = ${tenant} and expires_at <= now() limit ${SWEPT})`;
      await sql`insert into reusable_replies (tenant, key, call_key, run_id, expires_at)
        values (${tenant}, ${await keyOf(asked)}, ${callKey}, ${runId}, now() + make_interval(mins => ${minutes}))
        on conflict do nothing`;
    },
  };
}
