// Channels of the type `webhook`: signed, as the Standard Webhooks specification has it.
import type { WebhookChannel } from './channels.ts';
import type { Message } from './notice.ts';
import { post } from './post.ts';
import type { Sent } from './retry.ts';
import { signWebhook } from './sign.ts';

/** Never throws. */
export async function sendWebhook(channel: WebhookChannel, message: Message, signal: AbortSignal): Promise<Sent> {
  const { id, event, at, notice } = message;
  const type = event === 'test' ? 'test' : `approval.${event}`;
  const body = JSON.stringify({ type, timestamp: at.toISOString(), data: notice });
  const headers = { ...signWebhook(channel.keys, { id, body, at: new Date() }) };
  return await post({ url: channel.url, headers, body, signal });
}
