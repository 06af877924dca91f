// Channels of the type `email`: plain text through SMTP. Encrypted, but for a server on this machine.
import { visible, visibleLines } from '../runtime/visible.ts';
import { addressOf, isAddress } from './addresses.ts';
import type { EmailChannel } from './channels.ts';
import type { Message } from './notice.ts';
import type { Sent } from './retry.ts';
import { wordsOf } from './words.ts';

/** Of silence, in each step. */
const TIMEOUT_MS = 10_000;
/** Of all steps: well within the lease of an attempt. */
const TOTAL_MS = 30_000;
const MAX_SUBJECT_CHARS = 200;

/** Never throws. */
export async function sendEmail(channel: EmailChannel, message: Message, signal: AbortSignal): Promise<Sent> {
  const to = recipientsOf(channel, message);
  if (to.length === 0) return { state: 'refused', why: 'the requester has no address' };
  // Only where a channel sends mail.
  const { createTransport } = await import('nodemailer');
  const { host, port, tls, login } = channel.smtp;
  const transport = createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    ...(login !== undefined && { auth: login }),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    // What it is given is text, never the name of a file or a URL.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const attempt = transport.sendMail(mailOf(channel, message, to)).then(({ rejected }): Sent => {
    if (rejected.length === 0) return { state: 'delivered' };
    return { state: 'delivered', remark: `${rejected.length} of ${to.length} recipients were refused` };
  }, sentOf);
  const { promise: cutOff, resolve } = Promise.withResolvers<Sent>();
  const late = AbortSignal.any([signal, AbortSignal.timeout(TOTAL_MS)]);
  const stop = (): void => resolve({ state: 'missed', why: 'it took too long, or the worker stopped' });
  late.addEventListener('abort', stop);
  try {
    return await Promise.race([attempt, cutOff]);
  } finally {
    late.removeEventListener('abort', stop);
    transport.close();
  }
}

function recipientsOf({ to }: EmailChannel, { event, notice }: Message): readonly string[] {
  if (typeof to !== 'string') return to;
  // A test goes nowhere: there is no requester.
  const address = event === 'test' ? '' : addressOf(to, notice.requester);
  return isAddress(address) ? [address] : [];
}

function mailOf({ from }: EmailChannel, message: Message, to: readonly string[]) {
  const { title, lines } = wordsOf(message, visible);
  const { preview, approvalId } = message.notice;
  const host = from.slice(from.indexOf('@') + 1);
  // Behind a bar: no line of it can pass for one of ours.
  const block = preview === undefined ? [] : ['', 'Preview:', ...visibleLines(preview).map((line) => `> ${line}`)];
  return {
    // As objects: nothing in them is read as a list or a name.
    from: { name: 'Countersign', address: from },
    to: to.map((address) => ({ name: '', address })),
    subject: title.slice(0, MAX_SUBJECT_CHARS),
    text: [title, '', ...lines, ...block, ''].join('\n'),
    messageId: `<${message.id}@${host}>`,
    // All of one approval in one thread.
    references: `<${approvalId.replaceAll('/', '.')}@${host}>`,
    date: message.at,
    headers: { 'Auto-Submitted': 'auto-generated' },
  };
}

/** What a server says of a message or its recipients by 5xx is final; of a login or of encryption it may be put right. */
const ABOUT_THE_MESSAGE: ReadonlySet<unknown> = new Set(['EENVELOPE', 'EMESSAGE']);

function sentOf(error: unknown): Sent {
  const { responseCode, code } = error as { responseCode?: unknown; code?: unknown };
  const why = typeof responseCode === 'number' ? `SMTP ${responseCode}` : String(code ?? 'the connection failed');
  const isFinal = typeof responseCode === 'number' && responseCode >= 500 && ABOUT_THE_MESSAGE.has(code);
  return { state: isFinal ? 'refused' : 'missed', why };
}
