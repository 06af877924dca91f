// Delivers one notification: opens the request that it is about, makes of it what the channel may say, sends that, and settles.
import type { Logger } from 'pino';
import { openRequest, TamperedError } from '../client/open-approval.ts';
import type { Sql } from '../runtime/database.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import type { Channel, Channels } from './channels.ts';
import type { Message } from './notice.ts';
import { noticeOf, timeOf } from './notice.ts';
import type { Claimed, Settlement } from './outbox.ts';
import { settle } from './outbox.ts';
import type { Sent } from './retry.ts';
import { delayMs } from './retry.ts';
import { send } from './send.ts';

export interface DeliverDependencies extends Pick<Channels, 'link'> {
  readonly runKeys: RunKeys;
  readonly log?: Pick<Logger, 'warn' | 'error'>;
  readonly signal: AbortSignal;
}

/** @throws what the database throws: the lease runs out then, and another attempt is made */
export async function deliver(
  sql: Sql,
  channel: Channel,
  claimed: Claimed,
  dependencies: DeliverDependencies,
): Promise<void> {
  const settlement = await attemptOf(channel, claimed, dependencies);
  const state = await settle(sql, claimed, settlement);
  if (settlement.reason === null || dependencies.signal.aborted) return;
  const { id, tenant, approvalId, attempt } = claimed;
  const said = { notification: id, tenant, approvalId, channel: channel.name, attempt, reason: settlement.reason };
  if (state === 'failed') dependencies.log?.error(said, 'notification given up');
  else dependencies.log?.warn({ ...said, state }, 'notification not delivered as it should be');
}

async function attemptOf(
  channel: Channel,
  claimed: Claimed,
  { runKeys, link, signal }: DeliverDependencies,
): Promise<Settlement> {
  // It may have ended since it was written down; its end is told by itself.
  if (claimed.event !== 'ended' && claimed.state !== 'pending') {
    return { state: 'dropped', reason: 'the approval had ended' };
  }
  const message = await messageOf(channel, claimed, runKeys, link);
  if ('state' in message) return message;
  return settlementOf(await send(channel, message, signal), claimed, signal);
}

async function messageOf(
  channel: Channel,
  claimed: Claimed,
  runKeys: RunKeys,
  link: string | undefined,
): Promise<Message | Settlement> {
  try {
    const key = (await runKeys.find(claimed.runId))?.key;
    if (key === undefined) return { state: 'failed', reason: 'its run is not in the start ledger' };
    const { request } = openRequest(key, claimed);
    const facts = { ...claimed, request };
    const notice = noticeOf(facts, channel, link === undefined ? {} : { link });
    return { id: claimed.id, event: claimed.event, at: timeOf(claimed.event, facts), notice };
  } catch (error) {
    // Whoever asks for erasure is not talked about any more.
    if ((error as { type?: unknown }).type === Failure.Erased)
      return { state: 'dropped', reason: 'its run was erased' };
    if (error instanceof TamperedError) return { state: 'failed', reason: 'its request is not what was asked' };
    return { state: 'waiting', delayMs: delayMs(claimed.attempt), reason: 'the key of its run cannot be had' };
  }
}

function settlementOf(sent: Sent, { attempt }: Claimed, signal: AbortSignal): Settlement {
  switch (sent.state) {
    case 'delivered':
      return { state: 'delivered', reason: sent.remark ?? null };
    case 'refused':
      return { state: 'failed', reason: sent.why };
    case 'missed':
      // Cut off by us: another worker takes it at once.
      if (signal.aborted) return { state: 'waiting', reason: 'the worker stopped' };
      return { state: 'waiting', delayMs: delayMs(attempt, sent.retryAfterMs), reason: sent.why };
  }
}
