// Secrets and personal data in an answer: secrets always, personal data where its requester was not shown it.
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../../activities/slices.ts';
import { checkSecrets } from '../../../activities/validation/secrets.ts';
import { growth, repeated } from '../../support/linear.ts';

const check = (answer: string, question = '', ...passages: readonly string[]) =>
  atOnce(checkSecrets(answer, { question, passages: passages.map((text) => ({ text })) }));
const hex = (chars: number): string => '0123456789abcdef'.repeat(8).slice(0, chars);
const mixed = (chars: number): string => 'aB3dE6gH9jK2mN5pQ8sT1vW4yZ7'.repeat(8).slice(0, chars);

/** Put together here, so that no scanner of sources takes them for real ones. */
const SECRETS: readonly (readonly [string, string])[] = [
  ['a key of AWS', `AKIA${'Z2Y3X4W5V6U7T2S3'}`],
  ['a token of GitHub', `ghp_${mixed(36)}`],
  ['a fine-grained token of GitHub', `github_pat_${mixed(70)}`],
  ['a token of GitLab', `glpat-${mixed(20)}`],
  ['a runner of GitLab', `glrt-${mixed(20)}`],
  ['a token of Slack', `xoxb-${'123456789012'}-${mixed(24)}`],
  ['a token of an app of Slack', `xapp-1-${mixed(60)}`],
  ['a webhook of Slack', `https://hooks.slack.com/services/T0000000A/B0000000A/${mixed(24)}`],
  ['a key of Stripe', `sk_live_${mixed(24)}`],
  ['a signature of Stripe', `whsec_${mixed(32)}`],
  ['a key of OpenAI', `sk-proj-${mixed(48)}`],
  ['a key of Google', `AIza${mixed(35)}`],
  ['a client of Google', `GOCSPX-${mixed(28)}`],
  ['a JWT', `eyJ${mixed(20)}.eyJ${mixed(30)}.${mixed(40)}`],
  ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----'],
  ['a key of PuTTY', 'PuTTY-User-Key-File-3: ssh-ed25519'],
  ['a key of age', `AGE-SECRET-KEY-1${'Q2W3E4R5T6'.repeat(6).slice(0, 58)}`],
  ['a bot of Telegram', `123456789:AA${mixed(33)}`],
  ['a webhook of Discord', `https://discord.com/api/webhooks/123456789012345678/${mixed(60)}`],
  ['a client of Entra', `abc8Q~${mixed(34)}`],
  ['a signature of Azure', `https://a.blob.core.windows.net/b?sv=1&sig=${mixed(44)}`],
  ['a token of Shopify', `shpat_${hex(32)}`],
  ['a token of Databricks', `dapi${hex(32)}`],
  ['a key of Mailgun', `key-${hex(32)}`],
  ['a key of Mailchimp', `${hex(32)}-us21`],
  ['a token of Docker', `dckr_pat_${mixed(27)}`],
  ['a token of Atlassian', `ATATT3${mixed(80)}`],
  ['a password', 'the password is Tr0ub4dor&3'],
  ['a password in an address', 'postgres://app:s3cr3tW0rd@db.internal/x'],
  ['an assigned token', `API_TOKEN="${mixed(32)}"`],
];

describe('a secret fails', () => {
  it.each(SECRETS)('%s', (_, secret) => {
    const told = check(`Use this: ${secret} and go on.`);
    expect(told).toMatchObject({ name: 'no-secrets', passed: false, score: null, threshold: null });
    expect(told.reason).toMatch(/^it tells 1 secrets\b/);
    expect(told.reason).not.toContain(secret.slice(-8));
  });

  it.each(SECRETS)('also where it stood in question and passage: %s', (_, secret) => {
    expect(check(secret, secret, secret).passed).toBe(false);
  });

  it('with invisible characters in it', () => {
    expect(check(`shpat_\u200b${hex(16)}\u200d${hex(32).slice(16)}`).passed).toBe(false);
  });

  it('is counted once, whichever way it was found', () => {
    expect(check(`token: shpat_${hex(32)}`).reason).toMatch(/^it tells 1 secrets/);
    expect(check(`shpat_${hex(32)} and ghp_${mixed(36)}`).reason).toMatch(/^it tells 2 secrets/);
  });
});

const DATA: readonly (readonly [kind: string, written: string, otherwise: string])[] = [
  ['card numbers', '4111 1111 1111 1111', '4111-1111-1111-1111'],
  ['IBANs', 'DE89 3704 0044 0532 0130 00', 'DE89370400440532013000'],
  ['e-mail addresses', 'ada@mail.example', 'Ada@Mail.example'],
  ['phone numbers', '+49 30 1234567', '+49 (30) 123-4567'],
  ['national ids', '123-45-6789', 'SSN 123 45 6789'],
];

describe('personal data', () => {
  it.each(DATA)('fails where nobody showed it: %s', (kind, written) => {
    expect(check(`It is ${written}.`, 'Who?', 'A passage about something else.')).toMatchObject({
      passed: false,
      reason: `it tells 1 ${kind} that neither the question nor a passage holds`,
    });
  });

  it.each(DATA)(
    'passes where the question or a passage has it, however it is written there: %s',
    (_, written, otherwise) => {
      for (const shown of [written, otherwise]) {
        expect(check(`It is ${written}.`, `Is it ${shown}?`).passed).toBe(true);
        expect(check(`It is ${written}.`, 'Who?', 'Nothing.', `Call or write: ${shown}.`).passed).toBe(true);
      }
    },
  );

  it('is not what only ends like what was shown', () => {
    expect(check('Write to jo@shop.example.', 'banjo@shop.example').passed).toBe(false);
    expect(check('Write to jo@shop.example.', 'jo@shop.example.org').passed).toBe(false);
    expect(check('Write to jo@shop.example.', 'Mail jo@shop.example.').passed).toBe(true);
  });

  it('is counted by kind, and no value is repeated', () => {
    const { reason } = check('Ada ada@mail.example, bob@mail.example, 4111 1111 1111 1111, password is Tr0ub4dor&3');
    expect(reason).toBe(
      'it tells 1 secrets, 1 card numbers, 2 e-mail addresses that neither the question nor a passage holds',
    );
  });

  it('counts no IP addresses, unless they are asked for', () => {
    const answer = 'The host is 10.20.30.40.';
    expect(check(answer).passed).toBe(true);
    expect(atOnce(checkSecrets(answer, { question: '', passages: [], kinds: ['ip'] })).passed).toBe(false);
    expect(atOnce(checkSecrets('a@mail.example', { question: '', passages: [], kinds: ['ip'] })).passed).toBe(true);
  });

  it('of a thousand is more than enough', () => {
    const many = Array.from({ length: 1000 }, (_, i) => `user${i}@mail.example`).join(' ');
    expect(check(many).reason).toBe(
      'it tells 100 e-mail addresses or more that neither the question nor a passage holds',
    );
  });

  it.each([
    ['figures', 'Orders above €1,000.00 are shipped within 2 to 3 days; version 1.2.3, 2026-11-26.'],
    ['examples of settings', 'Set api_key=YOUR_API_KEY and password: $PASSWORD_1.'],
    ['hashes', `The commit is ${hex(40)}.`],
    ['nothing', ''],
  ])('is not %s', (_, answer) => {
    expect(check(answer)).toMatchObject({ passed: true, reason: 'tells no secrets, and no data of others' });
  });
});

describe('work grows with the length of the answer', () => {
  const passage = 'Some text of a passage. '.repeat(2000);
  it.each([
    'a@b.cd ',
    '0',
    '0 ',
    'key-',
    hex(32),
    'sig=',
    '1:AA',
    'abc8Q~',
    '?sig=',
    'shpat_',
    'password=',
    '-----BEGIN ',
    '@',
  ])('of %j', async (piece) => {
    expect(await growth(repeated(piece), (text) => check(text, '', passage))).toBeLessThanOrEqual(3);
  });
});
