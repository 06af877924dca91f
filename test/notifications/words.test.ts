// What notifications say, and what cannot be said through them: values that others wrote are data in every medium.
import { describe, expect, it } from 'vitest';
import type { Message } from '../../notifications/notice.ts';
import { noticeOf, testMessage } from '../../notifications/notice.ts';
import { delayMs, sentOf } from '../../notifications/retry.ts';
import { signWebhook } from '../../notifications/sign.ts';
import { slackBody } from '../../notifications/slack.ts';
import type { ApprovalRequest } from '../../workflows/protocol/index.ts';

const REQUEST: ApprovalRequest = {
  v: 1,
  approvalId: 'default/approval/01JD0000000000000000000000',
  kind: 'tool',
  workflowId: 'default/agent/01JD0000000000000000000001',
  stepPath: 'agent/tool#1',
  preview: 'Refund 12.90 EUR of order SECRET-ORDER',
  previewHash: 'hmac-sha256:00',
  risk: 'high',
  labels: [],
  policyDigest: 'sha256:11',
  rules: ['rule-of-ours'],
  releaseDigest: 'sha256:22',
  requester: 'ada',
  quorum: { n: 2, groups: ['managers'] },
  notBefore: '2026-03-01T10:00:00.000Z',
  expiresAt: '2026-03-01T14:00:00.000Z',
  useBy: '2026-03-02T14:00:00.000Z',
  nonce: 'NONCE',
  tool: 'refund',
  argsHash: 'hmac-sha256:33',
  effectKey: 'sha256:44',
};
const AT = new Date('2026-03-01T10:00:00Z');
const waits = { requestedAt: AT, state: 'pending', decidedBy: [], endedAt: null } as const;

const messageOf = (change: Partial<ApprovalRequest> = {}, preview = false, link = {}): Message => ({
  id: 'ntf_1',
  event: 'requested',
  at: AT,
  notice: noticeOf({ ...waits, request: { ...REQUEST, ...change } }, { preview }, link),
});
const textOf = (message: Message): string => (slackBody(message) as { text: string }).text;

describe('a notice', () => {
  it('names who answers for the release, where its manifest says, as data', () => {
    const of = (owner: string | null): Message => ({
      ...messageOf(),
      notice: noticeOf({ ...waits, owner, request: REQUEST }, { preview: false }, {}),
    });
    expect(of('desk <!here>').notice).toMatchObject({ owner: 'desk <!here>' });
    expect(textOf(of('desk <!here>'))).toContain('Owner of the release: `desk &lt;!here&gt;`');
    expect(textOf(of(null))).not.toContain('Owner');
  });

  it('has ids, names and times, and nothing of the content', () => {
    expect(messageOf().notice).toEqual({
      v: 1,
      approvalId: REQUEST.approvalId,
      runId: REQUEST.workflowId,
      kind: 'tool',
      tool: 'refund',
      risk: 'high',
      requester: 'ada',
      quorum: 2,
      groups: ['managers'],
      state: 'pending',
      requestedAt: '2026-03-01T10:00:00.000Z',
      expiresAt: REQUEST.expiresAt,
      command: `countersign approvals show ${REQUEST.approvalId}`,
    });
  });

  it('has the preview where the channel asks for it, cut to 1,500 characters', () => {
    expect(messageOf({}, true).notice.preview).toBe(REQUEST.preview);
    expect(messageOf({ preview: `${'x'.repeat(1_499)}😀` }, true).notice.preview).toBe(`${'x'.repeat(1_499)}…`);
  });

  it('names the request that it follows, and none of the decisions and arguments there', () => {
    const follows = {
      how: 'edited',
      approvalId: 'default/approval/0',
      decisions: ['JWS'],
      edited: '{"order":1}',
    } as const;
    expect(messageOf({ follows }).notice.follows).toEqual({ how: 'edited', approvalId: 'default/approval/0' });
  });

  it('has a link of the id alone, in the place that the template has for it', () => {
    const link = { link: 'https://a.example.com/approvals/{id}' };
    const id = "default/approval/$&'" as never;
    expect(messageOf({ approvalId: id }, false, link).notice.link).toBe(
      "https://a.example.com/approvals/default/approval/%24%26'",
    );
  });
});

describe('a chat message', () => {
  it('says what waits, for whom, how long, and how it is shown', () => {
    expect(slackBody(messageOf())).toEqual({
      text: [
        '*Approval waits (tool `refund`, risk `high`)*',
        `Approval: ${REQUEST.approvalId}`,
        'Risk: `high`',
        'Requester: `ada`',
        'Asked: 2 of `managers`',
        'Until: 2026-03-01T14:00:00.000Z',
        `Show: countersign approvals show ${REQUEST.approvalId}`,
      ].join('\n'),
      unfurl_links: false,
      unfurl_media: false,
    });
  });

  it.each([
    ['a mention of everybody', '<!channel> look', '&lt;!channel&gt; look'],
    ['a mention of a person', '<@U012AB3CD>', '&lt;@\u2060U012AB3CD&gt;'],
    ['a mention as others write it', '@here and @all', '@\u2060here and @\u2060all'],
    ['a link under other words', '<https://evil.example|the inbox>', '&lt;https://evil.example|the inbox&gt;'],
    ['an entity', '&lt;!here&gt;', '&amp;lt;!here&amp;gt;'],
    ['an end of the code', '` *approved* `', "' *approved* '"],
    ['lines of ours', 'x\nRisk: low', 'x\\u{a}Risk: low'],
    ['hidden and reordered text', 'a\u202eb\u200b', 'a\\u{202e}b\\u{200b}'],
    ['an address', 'ada@example.com', 'ada@example.com'],
  ])('takes %s from a requester or a tool for text', (_, value, shown) => {
    const text = textOf(messageOf({ requester: value, tool: value }));
    expect(text.split('\n')).toContain(`Requester: \`${shown}\``);
    expect(text.split('\n')[0]).toBe(`*Approval waits (tool \`${shown}\`, risk \`high\`)*`);
  });

  it('keeps a preview in its block, whatever it has', () => {
    const text = textOf(messageOf({ preview: 'one\n```\n<!channel> *Approved*\n@here' }, true));
    const [, block] = text.split('\n```\n');
    expect(text.split('```')).toHaveLength(3);
    expect(block).toBe("one\n'''\n&lt;!channel&gt; *Approved*\n@\u2060here\n```");
  });

  it('of an end says which and by whom; of a try, that it is one', () => {
    const ended = { ...waits, request: REQUEST, state: 'approved', decidedBy: ['bob', 'eve'], endedAt: AT } as const;
    const text = textOf({ id: 'i', event: 'ended', at: AT, notice: noticeOf(ended, { preview: false }, {}) });
    expect(text).toContain('*Approval was approved (tool `refund`, risk `high`)*');
    expect(text).toContain('Decided by: `bob`, `eve`');
    expect(textOf(testMessage('i', AT, {}))).toContain('Test: notifications of Countersign arrive here');
  });
});

describe('a signature', () => {
  // The specification's own example.
  const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
  const message = {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    body: '{"test": 2432232314}',
    at: new Date(1_614_265_330_500),
  };

  it('is the one that the specification has', () => {
    expect(signWebhook([key], message)).toEqual({
      'webhook-id': message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('stands once for each key, while one is being replaced', () => {
    const [first, second] = signWebhook([Buffer.alloc(24), key], message)['webhook-signature'].split(' ');
    expect(first).not.toBe(second);
    expect(second).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });
});

describe('the next attempt', () => {
  it('comes after 5 seconds, doubled each time up to 15 minutes, half of it by chance', () => {
    const [least, most] = [() => 0, () => 1];
    expect([1, 2, 3, 9, 100].map((attempt) => delayMs(attempt, 0, most))).toEqual([5e3, 10e3, 20e3, 9e5, 9e5]);
    expect([1, 2, 100].map((attempt) => delayMs(attempt, 0, least))).toEqual([2.5e3, 5e3, 4.5e5]);
  });

  it('comes no sooner than the receiver wants, but for at most an hour', () => {
    expect(delayMs(1, 90_000)).toBe(90_000);
    expect(delayMs(1, 10 * 24 * 3_600_000)).toBe(3_600_000);
    expect(delayMs(100, 1_000, () => 1)).toBe(900_000);
  });

  const now = new Date('2026-03-01T10:00:00Z');
  it.each([
    [200, null, { state: 'delivered' }],
    [204, null, { state: 'delivered' }],
    [301, null, { state: 'refused', why: 'HTTP 301: redirects are not followed' }],
    [400, '5', { state: 'refused', why: 'HTTP 400' }],
    [404, null, { state: 'refused', why: 'HTTP 404' }],
    [410, null, { state: 'refused', why: 'HTTP 410' }],
    [408, null, { state: 'missed', why: 'HTTP 408' }],
    [429, '7', { state: 'missed', why: 'HTTP 429', retryAfterMs: 7_000 }],
    [429, 'Sun, 01 Mar 2026 10:01:00 GMT', { state: 'missed', why: 'HTTP 429', retryAfterMs: 60_000 }],
    [503, 'Sun, 01 Mar 2020 10:01:00 GMT', { state: 'missed', why: 'HTTP 503' }],
    [503, 'soon', { state: 'missed', why: 'HTTP 503' }],
    [500, null, { state: 'missed', why: 'HTTP 500' }],
  ])('after %i with Retry-After %s is %o', (status, retryAfter, sent) => {
    expect(sentOf(status, retryAfter, now)).toEqual(sent);
  });
});
