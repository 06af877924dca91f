// What the file of channels may say. Whatever it does not know is refused.
import { z } from 'zod';
import { isName } from '../policies/names.ts';
import type { ApprovalKind } from '../workflows/protocol/index.ts';
import { DEFAULT_TENANT, isTenant } from '../workflows/protocol/index.ts';
import { addressOf, endpointFault, isAddress, isLoopback, linkFault } from './addresses.ts';

/** `requested`: people are asked, also by a request that follows another. `reminder`: a quarter of the time is left. */
export const NOTIFICATION_EVENTS = ['requested', 'reminder', 'ended'] as const;
export type NotificationEvent = (typeof NOTIFICATION_EVENTS)[number];

const KINDS = ['tool', 'confirm', 'input', 'budget', 'review', 'release'] as const satisfies readonly ApprovalKind[];

const MAX_CHANNELS = 100;

const variable = z.string().regex(/^NOTIFY_[A-Z0-9_]+$/, 'expected the name of a variable, NOTIFY_…');
const endpoint = z.string().superRefine((text, context) => {
  const fault = endpointFault(text);
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});
const address = z.string().refine(isAddress, 'expected a plain e-mail address');

const hearing = {
  events: z.array(z.enum(NOTIFICATION_EVENTS)).min(1).optional(),
  tenants: z
    .union([z.literal('all'), z.array(z.string().refine(isTenant, 'not a tenant')).min(1)], {
      error: 'expected `all`, or a list of tenants',
    })
    .default([DEFAULT_TENANT]),
  groups: z.array(z.string().refine(isName, 'not a group')).min(1).optional(),
  kinds: z.array(z.enum(KINDS)).min(1).optional(),
  preview: z.boolean().default(false),
};
const receiver = { url: endpoint.optional(), url_env: variable.optional() };
const oneUrl = ({ url, url_env }: { url?: string | undefined; url_env?: string | undefined }): boolean =>
  (url === undefined) !== (url_env === undefined);
const ONE_URL = { message: 'expected one of url and url_env' };

const webhookSchema = z
  .strictObject({ type: z.literal('webhook'), ...receiver, secret_env: variable, ...hearing })
  .refine(oneUrl, ONE_URL);
const slackSchema = z.strictObject({ type: z.literal('slack'), ...receiver, ...hearing }).refine(oneUrl, ONE_URL);
const emailSchema = z
  .strictObject({
    type: z.literal('email'),
    smtp: z
      .strictObject({
        host: z.string().regex(/^[A-Za-z0-9.:-]+$/, 'expected the name of a host'),
        port: z.int().min(1).max(65_535),
        tls: z.enum(['starttls', 'implicit', 'none']).default('starttls'),
        user_env: variable.optional(),
        password_env: variable.optional(),
      })
      .refine(({ tls, host }) => tls !== 'none' || isLoopback(host), {
        path: ['tls'],
        message: 'none is for loopback addresses',
      })
      .refine(({ user_env, password_env }) => (user_env === undefined) === (password_env === undefined), {
        message: 'expected both of user_env and password_env, or none',
      }),
    from: address,
    to: z.array(address).min(1).max(50).optional(),
    to_requester: z
      .string()
      .refine(
        (text) =>
          text.split('{requester}').length === 2 && (text === '{requester}' || isAddress(addressOf(text, 'id'))),
        {
          message: 'expected {requester} once, for example "{requester}@example.com"',
        },
      )
      .optional(),
    ...hearing,
  })
  .refine(({ to, to_requester }) => (to === undefined) !== (to_requester === undefined), {
    message: 'expected one of to and to_requester',
  });

export const channelFileSchema = z.strictObject({
  v: z.literal(1),
  link: z
    .string()
    .superRefine((text, context) => {
      const fault = linkFault(text);
      if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
    })
    .optional(),
  channels: z
    .record(
      z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a channel is named by small letters, digits and -'),
      z.discriminatedUnion('type', [webhookSchema, slackSchema, emailSchema]),
    )
    .refine((channels) => Object.keys(channels).length <= MAX_CHANNELS, `at most ${MAX_CHANNELS} channels`),
});

export type ChannelEntry = z.infer<typeof channelFileSchema>['channels'][string];
