// The file of channels: what it may say, where its secrets are, and what a person reads who got it wrong.
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Channels } from '../../notifications/channels.ts';
import { loadChannels } from '../../notifications/channels.ts';
import { loadConfig } from '../../runtime/config.ts';
import { UserError } from '../../runtime/errors.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const KEY = Buffer.alloc(32, 7);
const SECRET = `whsec_${KEY.toString('base64')}`;
const SETTINGS = { NOTIFY_SECRET: SECRET, NOTIFY_CHAT: 'https://chat.example.com/services/T0/B0/canary' };

function load(text: string, settings: Readonly<Record<string, string>> = SETTINGS): Channels {
  const file = temp.file('notifications.yaml');
  writeFileSync(file, text);
  return loadChannels({ file, settings });
}

function problemOf(text: string, settings?: Readonly<Record<string, string>>): UserError {
  try {
    load(text, settings);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error('it was taken');
}

const webhook = (more = ''): string =>
  `v: 1\nchannels:\n  ops: { type: webhook, url: "https://hooks.example.com/in", secret_env: NOTIFY_SECRET${more} }\n`;
const email = (smtp: string, more = 'to: [desk@example.com]'): string =>
  `v: 1\nchannels:\n  mail: { type: email, smtp: { ${smtp} }, from: "bot@example.com", ${more} }\n`;

describe('a file of channels', () => {
  it('says who hears what, and takes secrets from the environment and from files', () => {
    writeFileSync(temp.file('password'), 'pass-in-a-file\n');
    const { link, channels } = load(
      `v: 1
link: https://approvals.example.com/approvals/{id}
channels:
  ops: { type: webhook, url: "https://hooks.example.com/in", secret_env: NOTIFY_SECRET, events: [ended], tenants: all }
  chat: { type: slack, url_env: NOTIFY_CHAT, groups: [managers], kinds: [tool], preview: true }
  mail:
    type: email
    smtp: { host: smtp.example.com, port: 587, user_env: NOTIFY_USER, password_env: NOTIFY_PASSWORD }
    from: bot@example.com
    to: [desk@example.com]
  asker: { type: email, smtp: { host: localhost, port: 25, tls: none }, from: bot@example.com, to_requester: "{requester}@example.com" }
`,
      { ...SETTINGS, NOTIFY_USER: 'bot', NOTIFY_PASSWORD_FILE: temp.file('password') },
    );
    expect(link).toBe('https://approvals.example.com/approvals/{id}');
    const all = ['requested', 'reminder', 'ended'];
    expect(channels).toEqual([
      {
        ...{ name: 'ops', type: 'webhook', url: 'https://hooks.example.com/in', keys: [KEY] },
        ...{ events: ['ended'], tenants: 'all', preview: false },
      },
      {
        ...{ name: 'chat', type: 'slack', url: SETTINGS.NOTIFY_CHAT },
        ...{ events: all, tenants: ['default'], groups: ['managers'], kinds: ['tool'], preview: true },
      },
      {
        ...{ name: 'mail', type: 'email', events: all, tenants: ['default'], preview: false, from: 'bot@example.com' },
        smtp: {
          ...{ host: 'smtp.example.com', port: 587, tls: 'starttls' },
          login: { user: 'bot', pass: 'pass-in-a-file' },
        },
        to: ['desk@example.com'],
      },
      {
        ...{ name: 'asker', type: 'email', events: ['ended'], tenants: ['default'], preview: false },
        ...{
          smtp: { host: 'localhost', port: 25, tls: 'none' },
          from: 'bot@example.com',
          to: '{requester}@example.com',
        },
      },
    ]);
  });

  it('may name two secrets while one is being replaced', () => {
    const other = Buffer.alloc(24, 9);
    const { channels } = load(webhook(), { NOTIFY_SECRET: `${SECRET} whsec_${other.toString('base64')}` });
    expect(channels).toMatchObject([{ keys: [KEY, other] }]);
  });

  it.each([
    ['plain http to another machine', webhook().replace('https', 'http'), 'channels.ops.url: expected https'],
    ['a password in a URL', webhook().replace('hooks', 'u:p@hooks'), 'channels.ops.url: expected a URL without a user'],
    ['no receiver', webhook().replace('url: "https://hooks.example.com/in", ', ''), 'one of url and url_env'],
    ['a secret in the file', webhook().replace('NOTIFY_SECRET', SECRET), 'channels.ops.secret_env: expected the name'],
    ['a variable of something else', webhook().replace('NOTIFY_SECRET', 'TEMPORAL_API_KEY'), 'NOTIFY_…'],
    ['no secret', webhook().replace(', secret_env: NOTIFY_SECRET', ''), 'channels.ops.secret_env'],
    ['an unknown event', webhook(', events: [asked]'), 'channels.ops.events.0'],
    ['an unknown kind', webhook(', kinds: [tools]'), 'channels.ops.kinds.0'],
    ['an unknown field', webhook(', retry: 3'), 'retry'],
    ['an unknown type', 'v: 1\nchannels: { ops: { type: pager } }', 'channels.ops.type'],
    ['no tenant', webhook(', tenants: []'), 'channels.ops.tenants'],
    ['a name that is none', 'v: 1\nchannels: { "Ops Team": { type: slack, url_env: NOTIFY_CHAT } }', 'small letters'],
    ['a link without an id', `link: https://a.example.com/\n${webhook()}`, 'link: expected {id} once'],
    ['a link with a query', `link: "https://a.example.com/{id}?token=x"\n${webhook()}`, 'no power of its own'],
    ['a link in the clear', `link: "http://a.example.com/{id}"\n${webhook()}`, 'link: expected https'],
    ['mail in the clear', email('host: smtp.example.com, port: 25, tls: none'), 'smtp.tls: none is for loopback'],
    ['half a login', email('host: smtp.example.com, port: 587, user_env: NOTIFY_USER'), 'both of user_env'],
    ['a list in an address', email('host: localhost, port: 25', 'to: ["a@b.example, c@d.example"]'), 'plain e-mail'],
    ['nobody to write to', email('host: localhost, port: 25', 'preview: false'), 'one of to and to_requester'],
    [
      'a template of no address',
      email('host: localhost, port: 25', 'to_requester: "x{requester}"'),
      '{requester} once',
    ],
    ['another version', webhook().replace('v: 1', 'v: 2'), 'v: '],
  ])('with %s is refused, and the field named', (_, text, said) => {
    const { message, exitCode } = problemOf(text, { ...SETTINGS, NOTIFY_USER: 'u' });
    expect(message).toContain(temp.file('notifications.yaml'));
    expect(message).toContain(said);
    expect(exitCode).toBe(64);
  });

  it.each([
    ['is not set', {}, 'neither NOTIFY_SECRET nor NOTIFY_SECRET_FILE is set'],
    ['is too short', { NOTIFY_SECRET: 'whsec_Y2FuYXJ5' }, '24 to 64 random bytes'],
    ['is of another form', { NOTIFY_SECRET: 'canary' }, 'expected whsec_'],
    ['is in a file that is not there', { NOTIFY_SECRET_FILE: '/nowhere/secret' }, 'cannot be read'],
  ])('whose secret %s is refused, and the secret not shown', (_, settings, said) => {
    const { message } = problemOf(webhook(), settings);
    expect(message).toContain('channels.ops.secret_env');
    expect(message).toContain(said);
    expect(message).not.toMatch(/canary|Y2FuYXJ5/);
  });

  it('holds a URL from the environment to the same rules, and does not show it', () => {
    const chat = 'v: 1\nchannels: { chat: { type: slack, url_env: NOTIFY_CHAT } }';
    const { message } = problemOf(chat, { NOTIFY_CHAT: 'http://chat.example.com/canary' });
    expect(message).toContain('channels.chat.url_env: NOTIFY_CHAT: expected https');
    expect(message).not.toContain('canary');
  });

  it('that is not there is told with the variable that names it', () => {
    const missing = () => loadChannels({ file: '/nowhere/notifications.yaml', settings: {} });
    expect(missing).toThrow('Cannot read the channels in /nowhere/notifications.yaml');
  });

  it('of the docs is taken', () => {
    const docs = readFileSync(new URL('../../docs/notifications.md', import.meta.url), 'utf8');
    const [, example = ''] = /```yaml\n(v: 1\n[\s\S]*?)```/.exec(docs) ?? [];
    expect(Object.keys((parse(example) as { channels: object }).channels).length).toBeGreaterThan(2);
    const settings = { NOTIFY_SMTP_USER: 'u', NOTIFY_SMTP_PASSWORD: 'p', NOTIFY_CHAT_URL: SETTINGS.NOTIFY_CHAT };
    expect(load(example, { ...settings, NOTIFY_DESK_SECRET: SECRET }).channels.length).toBeGreaterThan(2);
  });
});

describe('the configuration', () => {
  const env = { TEMPORAL_ADDRESS: 't:1', DATABASE_URL: 'postgres://d' };

  it('has no notifications where no file is named, and otherwise the variables of channels, and no others', () => {
    expect(loadConfig({ role: 'worker', env: { ...env, NOTIFY_SECRET: 's' } }).notifications).toBeUndefined();
    const named = {
      ...env,
      COUNTERSIGN_NOTIFICATIONS: 'n.yaml',
      NOTIFY_SECRET: 's',
      TEMPORAL_API_KEY: 'k',
      NOTIFY_A_API_KEY: 'a',
    };
    const config = loadConfig({ role: 'worker', env: named, cwd: '/project' });
    expect(config.notifications).toEqual({
      file: '/project/n.yaml',
      settings: { NOTIFY_SECRET: 's', NOTIFY_A_API_KEY: 'a' },
    });
    // What a release may name as the key of its model.
    expect(config.providerKeys).toEqual({});
  });
});
