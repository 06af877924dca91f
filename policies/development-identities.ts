// The development identity provider: names for `--as` on a local stack. Refuses to exist in production.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Config } from '../runtime/config.ts';
import { UserError } from '../runtime/errors.ts';
import type { Principal } from '../workflows/protocol/index.ts';

const schema = z.strictObject({
  v: z.literal(1),
  identities: z.record(
    z.string(),
    z.strictObject({
      groups: z.array(z.string()).default([]),
      roles: z.array(z.string()).default([]),
      clearance: z.enum(['public', 'internal', 'confidential', 'restricted']).default('public'),
    }),
  ),
});

/** @throws UserError in production, and for an unknown id */
export function developmentIdentity(
  config: Pick<Config, 'mode' | 'policiesDir'>,
  id: string,
  tenant: string,
): Principal {
  if (config.mode !== 'development') {
    throw new UserError(`--as ${id} works on a local development stack only`, {
      hint: 'In production the gateway signs who asks.',
      exitCode: 64,
    });
  }
  const path = join(config.policiesDir, 'development-identities.yaml');
  const { identities } = schema.parse(parse(readFileSync(path, 'utf8')));
  const found = Object.hasOwn(identities, id) ? identities[id] : undefined;
  if (found !== undefined) return { id, tenant, ...found };
  throw new UserError(`No development identity ${id}`, {
    hint: `${path} has: ${Object.keys(identities).join(', ')}.`,
    exitCode: 64,
  });
}
