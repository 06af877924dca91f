// Replies that are given again to whoever asks the same and may see the same, where a release says so. Nothing is copied: a row points to
// the reply as the run that paid for it has it, under that run's key.
import { canonicalJson } from '../runtime/canonical.ts';
import type { Database } from '../runtime/database.ts';
import type { RunKeys, TenantKeys } from '../runtime/keys/index.ts';
import type { Digest, Principal, Prompt, RunId } from '../workflows/protocol/index.ts';
import { HashPrefix } from '../workflows/protocol/index.ts';
import type { ModelCalls, SettledReply } from './model-calls.ts';
import type { PaidReply } from './pay-once.ts';

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
  /**
   * Of a run that ended as answered, by its first draft. What stands in the way of giving it, erasure first of all, is as if there were none.
   *
   * @param callKey of the call that asks: its own reply is for the ledger of paid calls to give
   */
  find(asked: Reusable, callKey: string): Promise<ReusedReply | undefined>;
  /** Once it is settled. The first that is kept stays, until its time is over or it is erased. */
  keep(asked: Reusable, call: { readonly key: string; readonly runId: string }, minutes: number): Promise<void>;
}

/** A reply, and whose run it is of where that is another one. */
export type GivenReply = PaidReply & { readonly from?: RunId };

/** The reply of somebody else's run, else the one that `pay` gets, which is kept if the model ended it by itself. */
export async function givenOrPaid(
  replies: ReplyCache,
  { minutes, ...asked }: Reusable & { readonly minutes: number },
  call: { readonly key: string; readonly runId: string },
  pay: () => Promise<PaidReply>,
): Promise<GivenReply> {
  const given = await replies.find(asked, call.key);
  if (given !== undefined) return { ...given, reused: true };
  const paid = await pay();
  if (paid.reply.finishReason === 'stop') await replies.keep(asked, call, minutes);
  return paid;
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
    async find(asked, callKey) {
      const { tenant } = asked;
      try {
        const [row] = await db.of(tenant)<{ call_key: string; run_id: RunId }[]>`
          select r.call_key, r.run_id from reusable_replies r join traces t on t.run_id = r.run_id
          where r.tenant = ${tenant} and r.key = ${await keyOf(asked)} and r.expires_at > now()
            and t.outcome = 'answered' and (t.record ->> 'repairs')::integer = 0`;
        if (row === undefined || row.call_key === callKey) return undefined;
        const run = await runKeys.find(row.run_id);
        const reply = run && (await modelCalls.reply({ tenant, key: row.call_key, runKey: run.key }));
        return reply && { reply: { ...reply, usage: FREE }, from: row.run_id };
      } catch {
        return undefined;
      }
    },
    async keep(asked, { key: callKey, runId }, minutes) {
      const { tenant } = asked;
      const sql = db.of(tenant);
      const key = await keyOf(asked);
      // Its own place first: of one that is over, that led to no answer, or whose run's key is destroyed.
      await sql`delete from reusable_replies r where r.tenant = ${tenant} and (r.key = ${key} and (r.expires_at <= now()
          or not exists (select from run_keys k where k.run_id = r.run_id)
          or exists (select from traces t where t.run_id = r.run_id
            and (t.outcome <> 'answered' or (t.record ->> 'repairs')::integer > 0)))
        or r.key in (select key from reusable_replies where tenant = ${tenant} and expires_at <= now() limit ${SWEPT}))`;
      await sql`insert into reusable_replies (tenant, key, call_key, run_id, expires_at)
        values (${tenant}, ${key}, ${callKey}, ${runId}, now() + make_interval(mins => ${minutes}))
        on conflict do nothing`;
    },
  };
}
