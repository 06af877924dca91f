// What commands that talk to the engine share: configuration, client, and who is asking.
import type { CountersignClient, Principal } from '../client/index.ts';
import type { Config } from '../runtime/config.ts';
import { loadConfig } from '../runtime/config.ts';
import { UserError } from '../runtime/errors.ts';
import type { RunId } from '../workflows/protocol/index.ts';
import { DEFAULT_TENANT, parseRunId } from '../workflows/protocol/index.ts';
import { settings } from './context.ts';

export interface Session {
  readonly config: Config;
  readonly client: CountersignClient;
}

/** Runs `use` with a client on the stack that the environment or `--home` names, and closes it. */
export async function withClient<T>(home: string | undefined, use: (session: Session) => Promise<T>): Promise<T> {
  const { createClient } = await import('../client/index.ts');
  const config = loadConfig({ role: 'gateway', env: settings(home).env });
  const client = await createClient(config);
  try {
    return await use({ config, client });
  } finally {
    await client.close();
  }
}

/** The development identity that `--as` names. Without one: `fallback` on a development stack, anonymous elsewhere. */
export async function identityOf(
  config: Config,
  as: string | undefined,
  fallback: string,
): Promise<{ principal?: Principal }> {
  if (as === undefined && config.mode !== 'development') return {};
  const { developmentIdentity } = await import('../policies/development-identities.ts');
  return { principal: developmentIdentity(config, as ?? fallback, DEFAULT_TENANT) };
}

/** @throws UserError, wrong use */
export function requireRunId(text: string): RunId {
  if (parseRunId(text) !== undefined) return text as RunId;
  throw new UserError(`Not a run id: ${text}`, {
    hint: 'It looks like default/answer/01J…; `npx countersign runs list` shows them.',
    exitCode: 64,
  });
}

/** @throws UserError, wrong use */
export function requireLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1000) return limit;
  throw new UserError(`Not a limit: ${text}`, { hint: 'Give a whole number from 1 to 1000.', exitCode: 64 });
}
