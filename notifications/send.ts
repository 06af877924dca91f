// Sends a message by the type of its channel: the one place where the types meet.
import type { Channel } from './channels.ts';
import { sendEmail } from './email.ts';
import type { Message } from './notice.ts';
import type { Sent } from './retry.ts';
import { sendSlack } from './slack.ts';
import { sendWebhook } from './webhook.ts';

/** Never throws. @param signal ends it early, when the process stops */
export async function send(channel: Channel, message: Message, signal: AbortSignal): Promise<Sent> {
  switch (channel.type) {
    case 'webhook':
      return await sendWebhook(channel, message, signal);
    case 'slack':
      return await sendSlack(channel, message, signal);
    case 'email':
      return await sendEmail(channel, message, signal);
  }
}
