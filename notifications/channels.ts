// The channels that hear of approvals, as data: a YAML file, checked whole when a worker starts. Secrets are in the environment, and
// the file names their variables.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Config } from '../runtime/config.ts';
import { messageOf, UserError } from '../runtime/errors.ts';
import type { ApprovalKind } from '../workflows/protocol/index.ts';
import { endpointFault } from './addresses.ts';
import type { ChannelEntry, NotificationEvent } from './channel-file.ts';
import { channelFileSchema, NOTIFICATION_EVENTS } from './channel-file.ts';
import { secretKeys } from './sign.ts';

interface Hearing {
  readonly name: string;
  readonly events: readonly NotificationEvent[];
  readonly tenants: 'all' | readonly string[];
  /** Only requests that ask one of them. @default any */
  readonly groups?: readonly string[];
  /** @default any */
  readonly kinds?: readonly ApprovalKind[];
  /** Whether the preview of what is asked leaves with it. It is content. */
  readonly preview: boolean;
}

export interface WebhookChannel extends Hearing {
  readonly type: 'webhook';
  readonly url: string;
  /** One for each signature: two while a secret is being replaced. */
  readonly keys: readonly Buffer[];
}

export interface SlackChannel extends Hearing {
  readonly type: 'slack';
  readonly url: string;
}

export interface EmailChannel extends Hearing {
  readonly type: 'email';
  readonly smtp: {
    readonly host: string;
    readonly port: number;
    /** `none`: on a loopback address only. */
    readonly tls: 'starttls' | 'implicit' | 'none';
    readonly login?: { readonly user: string; readonly pass: string };
  };
  readonly from: string;
  /** Addresses; or a template, in which `{requester}` stands for the id of whom the run acts for. */
  readonly to: readonly string[] | string;
}

export type Channel = WebhookChannel | SlackChannel | EmailChannel;

export interface Channels {
  /** With `{id}` where the approval's id goes. @default a command takes the place of a link */
  readonly link?: string;
  readonly channels: readonly Channel[];
}

/** @throws UserError naming the file, and each field or variable at fault */
export function loadChannels({ file, settings }: NonNullable<Config['notifications']>): Channels {
  let content: unknown;
  try {
    content = parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new UserError(`Cannot read the channels in ${file}: ${messageOf(cause)}`, {
      hint: 'COUNTERSIGN_NOTIFICATIONS names the file. Unset it to send no notifications.',
      cause,
    });
  }
  const parsed = channelFileSchema.safeParse(content);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => {
      // Of a key, what is wrong with it stands one level deeper.
      const [inner] = issue.code === 'invalid_key' ? issue.issues : [];
      return `${issue.path.join('.') || '(top level)'}: ${(inner ?? issue).message}`;
    });
    throw malformed(file, faults);
  }
  const { link, channels } = parsed.data;
  const faults: string[] = [];
  const loaded = Object.entries(channels).map(([name, entry]) => {
    const fault = (field: string, why: string): void => void faults.push(`channels.${name}.${field}: ${why}`);
    return channelOf(name, entry, { settings, fault });
  });
  if (faults.length > 0) throw malformed(file, faults);
  return { ...(link !== undefined && { link }), channels: loaded };
}

const malformed = (file: string, faults: readonly string[]): UserError =>
  new UserError(`${file} is malformed: ${faults.join('; ')}`, {
    hint: 'docs/notifications.md says what a channel has.',
    exitCode: 64,
  });

interface Reading {
  readonly settings: Readonly<Record<string, string>>;
  /** Names a variable at fault, never its value. */
  fault(field: string, why: string): void;
}

function channelOf(name: string, entry: ChannelEntry, reading: Reading): Channel {
  const { tenants, groups, kinds, preview } = entry;
  const isForRequester = entry.type === 'email' && entry.to_requester !== undefined;
  const common: Hearing = {
    name,
    events: entry.events ?? (isForRequester ? ['ended'] : NOTIFICATION_EVENTS),
    tenants,
    ...(groups !== undefined && { groups }),
    ...(kinds !== undefined && { kinds }),
    preview,
  };
  if (entry.type === 'email') {
    const { host, port, tls, user_env: user, password_env: password } = entry.smtp;
    const login = {
      user: readSetting(reading, 'smtp.user_env', user),
      pass: readSetting(reading, 'smtp.password_env', password),
    };
    const smtp = { host, port, tls, ...(user !== undefined && { login }) };
    return { ...common, type: 'email', smtp, from: entry.from, to: entry.to ?? entry.to_requester ?? [] };
  }
  const url = entry.url ?? readSetting(reading, 'url_env', entry.url_env);
  const fault = url === '' ? undefined : endpointFault(url);
  if (fault !== undefined) reading.fault('url_env', `${entry.url_env ?? ''}: ${fault}`);
  if (entry.type === 'slack') return { ...common, type: 'slack', url };
  const secret = readSetting(reading, 'secret_env', entry.secret_env);
  const keys = secret === '' ? [] : secretKeys(secret);
  if (keys === undefined) reading.fault('secret_env', `${entry.secret_env}: ${NO_SECRET}`);
  return { ...common, type: 'webhook', url, keys: keys ?? [] };
}

const NO_SECRET =
  'expected whsec_ and 24 to 64 random bytes in Base64; two, a space apart, while a secret is being replaced';

/** The variable, or the content of the file that `NAME_FILE` names; empty when there is a fault, or no such variable is asked for. */
function readSetting({ settings, fault }: Reading, field: string, name: string | undefined): string {
  if (name === undefined) return '';
  const [value, file] = [settings[name], settings[`${name}_FILE`]];
  if (value !== undefined) return value.trim();
  if (file === undefined) {
    fault(field, `neither ${name} nor ${name}_FILE is set`);
    return '';
  }
  try {
    const read = readFileSync(file, 'utf8').trim();
    if (read === '') fault(field, `the file of ${name}_FILE is empty`);
    return read;
  } catch (error) {
    fault(field, `the file of ${name}_FILE cannot be read: ${messageOf(error)}`);
    return '';
  }
}
