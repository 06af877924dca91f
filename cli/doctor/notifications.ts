// Checks of notifications: whether the file of channels is whole, and whether any message was given up.
import { loadChannels } from '../../notifications/channels.ts';
import type { Config } from '../../runtime/config.ts';
import type { Sql } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Finding } from './check.ts';
import { found, ok } from './check.ts';

/** With the secrets in this environment, which need not be the worker's. */
export function checkChannels(notifications: NonNullable<Config['notifications']>): Finding {
  try {
    const { channels } = loadChannels(notifications);
    const names = channels.map(({ name, type }) => `${name} (${type})`).join(', ');
    return ok('notifications', `channels: ${names || 'none'}`);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return found('notifications', 'fail', error.message, error.hint ?? 'Correct the file.');
  }
}

/** In all tenants. @param sql as the owner */
export async function checkDeliveries(sql: Sql): Promise<Finding> {
  const [row] = await sql<{ failed: number; late: number }[]>`
    select count(*) filter (where state = 'failed' and settled_at > now() - interval '1 day')::integer as failed,
      count(*) filter (where state = 'waiting' and created_at < now() - interval '15 minutes')::integer as late
    from countersign.notifications`;
  const { failed = 0, late = 0 } = row ?? {};
  if (failed === 0 && late === 0) return ok('deliveries', 'every notification of the last day found its receiver');
  return found(
    'deliveries',
    'warn',
    `${failed} notifications were given up in the last day, ${late} wait for more than 15 minutes`,
    '`npx countersign notifications list` says why; `notifications retry` has them tried again.',
  );
}
