// Sending, to real receivers: webhooks over HTTP, mail over SMTP. What is signed, what is refused, what is never sent in the clear.
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { SMTPServerOptions } from 'smtp-server';
import { SMTPServer } from 'smtp-server';
import getTLSOptions from 'smtp-server/lib/tls-options';
import { describe, expect, it } from 'vitest';
import type { EmailChannel, WebhookChannel } from '../../notifications/channels.ts';
import type { Message, Notice } from '../../notifications/notice.ts';
import { testMessage } from '../../notifications/notice.ts';
import { post } from '../../notifications/post.ts';
import { send } from '../../notifications/send.ts';
import type { Received } from '../support/receiver.ts';
import { startReceiver } from '../support/receiver.ts';

const KEY = Buffer.alloc(32, 7);
const never = new AbortController().signal;
const hearing = { events: ['requested'], tenants: 'all', preview: false } as const;
const webhook = (url: string): WebhookChannel => ({ ...hearing, name: 'ops', type: 'webhook', url, keys: [KEY] });
const AT = new Date('2026-03-01T10:00:00Z');

const message = (change: Partial<Notice> = {}): Message => ({
  id: 'ntf_0123456789abcdef',
  event: 'requested',
  at: AT,
  notice: { ...testMessage('', AT, {}).notice, tool: 'refund', requester: 'ada', groups: ['managers'], ...change },
});

describe('a webhook', () => {
  it('is signed over the very bytes that come, with a time of now', async () => {
    await using receiver = await startReceiver();
    expect(await send(webhook(receiver.url), message(), never)).toEqual({ state: 'delivered' });
    const [{ headers, body }] = (await receiver.until(1)) as [Received];
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = headers;
    expect(id).toBe('ntf_0123456789abcdef');
    expect(Math.abs(Date.now() / 1000 - Number(at))).toBeLessThan(60);
    expect(signature).toBe(`v1,${createHmac('sha256', KEY).update(`${id}.${at}.${body}`).digest('base64')}`);
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body)).toEqual({
      type: 'approval.requested',
      timestamp: '2026-03-01T10:00:00.000Z',
      data: message().notice,
    });
  });

  it('follows no redirect, not even to its own host', async () => {
    await using receiver = await startReceiver();
    await using elsewhere = await startReceiver();
    receiver.answer(...[307, 302].map((status) => ({ status, headers: { location: elsewhere.url } })));
    for (const status of [307, 302]) {
      const refused = { state: 'refused', why: `HTTP ${status}: redirects are not followed` };
      expect(await send(webhook(receiver.url), message(), never)).toEqual(refused);
    }
    expect(elsewhere.received).toEqual([]);
  });

  it('says of a lost connection how it was lost, and nothing of the URL', async () => {
    await using receiver = await startReceiver();
    receiver.answer('reset', 'hang');
    const reset = await send(webhook(`${receiver.url}?token=canary`), message(), never);
    expect(reset).toMatchObject({ state: 'missed', why: expect.stringMatching(/^[A-Z_]+$/) });
    const late = await post({ url: receiver.url, body: '{}', signal: never, timeoutMs: 50 });
    expect(late).toEqual({ state: 'missed', why: 'no answer within 0.05 s' });
    const { url } = receiver;
    await receiver[Symbol.asyncDispose]();
    expect(await send(webhook(`${url}?token=canary`), message(), never)).toEqual({
      state: 'missed',
      why: 'ECONNREFUSED',
    });
  });

  it('is not given to a server whose certificate nobody vouches for', async () => {
    await using receiver = await startReceiver(() => createTlsServer(getTLSOptions()));
    expect(receiver.url).toMatch(/^https:/);
    const sent = await send(webhook(receiver.url), message(), never);
    expect(sent).toMatchObject({ state: 'missed', why: expect.stringMatching(/CERT|SIGN|ALTNAME/) });
    expect(receiver.received).toEqual([]);
  });

  it('is cut off when the worker stops', async () => {
    await using receiver = await startReceiver();
    receiver.answer('hang');
    const stopping = new AbortController();
    const sending = send(webhook(receiver.url), message(), stopping.signal);
    await receiver.until(1);
    stopping.abort();
    expect(await sending).toEqual({ state: 'missed', why: 'the worker stopped' });
  });
});

interface Mailbox extends AsyncDisposable {
  readonly smtp: EmailChannel['smtp'];
  readonly mails: readonly { readonly to: readonly string[]; readonly from: string; readonly text: string }[];
}

async function startMailbox(options: SMTPServerOptions = {}): Promise<Mailbox> {
  const mails: { to: string[]; from: string; text: string }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false ? '' : mailFrom.address;
        mails.push({ from, to: rcptTo.map(({ address }) => address), text: Buffer.concat(chunks).toString('utf8') });
        callback();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    smtp: { host: '127.0.0.1', port, tls: 'none' },
    mails,
    [Symbol.asyncDispose]: async () => await new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

const email = (smtp: EmailChannel['smtp'], to: EmailChannel['to'] = ['desk@example.com']): EmailChannel => ({
  ...{ ...hearing, name: 'mail', type: 'email', smtp, from: 'bot@example.com', to },
});
const fault = (responseCode: number): Error => Object.assign(new Error('no bob@example.com here'), { responseCode });
/** Header fields with their continuation lines, and the body. */
const partsOf = (mail: string): [string[], string] => {
  const [head = '', ...body] = mail.replaceAll('\r\n', '\n').split('\n\n');
  return [head.replaceAll(/\n[ \t]/g, ' ').split('\n'), body.join('\n\n')];
};

describe('a mail', () => {
  it('is plain text with an id of its own, in the thread of its approval', async () => {
    await using mailbox = await startMailbox();
    expect(await send(email(mailbox.smtp), message(), never)).toEqual({ state: 'delivered' });
    const [mail] = mailbox.mails;
    expect(mail).toMatchObject({ from: 'bot@example.com', to: ['desk@example.com'] });
    const [head, body] = partsOf(mail?.text ?? '');
    expect(head).toEqual(
      expect.arrayContaining([
        'From: Countersign <bot@example.com>',
        'To: desk@example.com',
        'Subject: Approval waits (tool refund, risk low)',
        'Message-ID: <ntf_0123456789abcdef@example.com>',
        'References: <default.approval.00000000000000000000000000@example.com>',
        'Auto-Submitted: auto-generated',
        'Content-Type: text/plain; charset=utf-8',
      ]),
    );
    expect(body).toContain('Requester: ada\n');
    expect(body).toContain('Show: countersign approvals show default/approval/');
  });

  it('has no header, recipient or line that a requester or a tool writes into it', async () => {
    await using mailbox = await startMailbox();
    const evil = 'x\r\nBcc: eve@example.com\r\n\r\nRisk: none';
    const preview = `${evil}\n.\nShow: https://evil.example`;
    expect(await send(email(mailbox.smtp), message({ tool: evil, requester: evil, preview }), never)).toEqual({
      state: 'delivered',
    });
    expect(mailbox.mails).toHaveLength(1);
    expect(mailbox.mails[0]?.to).toEqual(['desk@example.com']);
    const [head, body] = partsOf(mailbox.mails[0]?.text ?? '');
    expect(head.filter((line) => /^(bcc|risk|cc)/i.test(line))).toEqual([]);
    expect(body.split('\n').filter((line) => /^(Bcc|Risk|Show|\.)/.test(line))).toEqual([
      'Risk: low',
      expect.stringMatching(/^Show: countersign approvals show /),
    ]);
    expect(body).toContain('> Show: https://evil.example');
  });

  it('goes to the requester where their id makes an address, and otherwise to nobody', async () => {
    await using mailbox = await startMailbox();
    const channel = email(mailbox.smtp, '{requester}@example.com');
    expect(await send(channel, message(), never)).toEqual({ state: 'delivered' });
    const ids = ['a@evil.example', 'a,b', 'a b', '', 'a\r\nRCPT TO:<b@c.example>', 'a>', 'erased:0123', 'ä'];
    for (const requester of ids) {
      const refused = { state: 'refused', why: 'the requester has no address' };
      expect(await send(channel, message({ requester }), never), requester).toEqual(refused);
    }
    expect(mailbox.mails.map(({ to }) => to)).toEqual([['ada@example.com']]);
  });

  it.each([
    [451, { state: 'missed', why: 'SMTP 451' }],
    [550, { state: 'refused', why: 'SMTP 550' }],
  ])('that is answered with %i is %o, and the words of the server are not kept', async (code, sent) => {
    await using mailbox = await startMailbox({ onRcptTo: (_address, _session, callback) => callback(fault(code)) });
    expect(await send(email(mailbox.smtp), message(), never)).toEqual(sent);
  });

  it('that some recipients do not get says so', async () => {
    await using mailbox = await startMailbox({
      onRcptTo: ({ address }, _session, callback) => callback(address.startsWith('gone') ? fault(550) : null),
    });
    const channel = email(mailbox.smtp, ['desk@example.com', 'gone@example.com']);
    const remark = '1 of 2 recipients were refused';
    expect(await send(channel, message(), never)).toEqual({ state: 'delivered', remark });
  });

  it('is tried again when the login is refused: it may be put right', async () => {
    await using mailbox = await startMailbox({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: (_auth, _session, callback) => callback(fault(535)),
    });
    const channel = email({ ...mailbox.smtp, login: { user: 'bot', pass: 'canary' } });
    expect(await send(channel, message(), never)).toEqual({ state: 'missed', why: 'SMTP 535' });
  });

  it('is not sent in the clear, nor the login, where encryption is asked for', async () => {
    await using plain = await startMailbox({ allowInsecureAuth: true });
    await using unvouched = await startMailbox({ disabledCommands: [] });
    for (const { smtp } of [plain, unvouched]) {
      const login = { user: 'bot', pass: 'canary' };
      const sent = await send(email({ ...smtp, tls: 'starttls', login }), message(), never);
      expect(sent).toMatchObject({ state: 'missed' });
    }
    expect([...plain.mails, ...unvouched.mails]).toEqual([]);
  });

  it('is given up for now when the worker stops before the server speaks', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const stopping = new AbortController();
    const sending = send(email({ host: '127.0.0.1', port, tls: 'none' }), message(), stopping.signal);
    const [socket] = (await once(silent, 'connection')) as [Socket];
    stopping.abort();
    expect(await sending).toMatchObject({ state: 'missed' });
    socket.destroy();
    silent.close();
  });
});
