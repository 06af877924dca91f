// Channels of the type `slack`: a text for incoming webhooks of Slack, and of what takes the same (Mattermost, Rocket.Chat).
import { visible, visibleLines } from '../runtime/visible.ts';
import type { SlackChannel } from './channels.ts';
import type { Message } from './notice.ts';
import { post } from './post.ts';
import type { Sent } from './retry.ts';
import { wordsOf } from './words.ts';

const WORD_JOINER = '\u2060';

/** Never throws. */
export async function sendSlack(channel: SlackChannel, message: Message, signal: AbortSignal): Promise<Sent> {
  return await post({ url: channel.url, body: JSON.stringify(slackBody(message)), signal });
}

export function slackBody(message: Message): object {
  const { title, lines } = wordsOf(message, inCode);
  const { preview } = message.notice;
  const block = preview === undefined ? [] : ['```', ...visibleLines(preview).map(inert), '```'];
  // Links in it are not fetched for a picture: whoever wrote the preview would learn that it was read.
  return { text: [`*${title}*`, ...lines, ...block].join('\n'), unfurl_links: false, unfurl_media: false };
}

/** In code nothing is a mention, a link or a format. */
const inCode = (value: string): string => (value === '' ? '-' : `\`${inert(visible(value))}\``);

/**
 * `&`, `<` and `>` as Slack wants them, which leaves no `<!channel>`; no backtick that ends the code; and no word that begins with `@`,
 * which others take for a mention.
 */
const inert = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('`', "'")
    .replaceAll(/(?<![A-Za-z0-9._-])@/g, `@${WORD_JOINER}`);
