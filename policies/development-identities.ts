// The development identity provider: names for `--as` on a local stack. Refuses to exist in production.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Config } from '../runtime/config.ts';
import { messageOf, UserError } from '../runtime/errors.ts';
import type { Principal } from '../workflows/protocol/index.ts';
import { isName } from './names.ts';

const schema = z.strictObject({
  v: z.literal(1),
  identities: z.record(
    z.string(),
    z.strictObject({
      groups: z.array(z.string()).default([]),
      roles: z.array(z.string()).default([]),
      clearance: z.enum(['public', 'internal', 'confidential', 'restricted']).default('public'),
      approver: z.strictObject({ groups: z.array(z.string().refine(isName, 'not a group')).min(1) }).optional(),
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
  const path = pathIn(config.policiesDir);
  const identities = readIdentities(path);
  const found = Object.hasOwn(identities, id) ? identities[id] : undefined;
  if (found !== undefined) {
    const { groups, roles, clearance } = found;
    return { id, tenant, groups, roles, clearance };
  }
  throw new UserError(`No development identity ${id}`, {
    hint: `${path} has: ${Object.keys(identities).join(', ')}.`,
    exitCode: 64,
  });
}

export interface DevelopmentApprover {
  readonly id: string;
  readonly groups: readonly string[];
}

/** The identities that may approve on a local stack. @throws UserError for a file that is missing or malformed */
export function developmentApprovers(policiesDir: string): readonly DevelopmentApprover[] {
  const path = pathIn(policiesDir);
  return Object.entries(readIdentities(path)).flatMap(([id, { approver }]) => {
    if (approver === undefined) return [];
    if (isName(id)) return [{ id, groups: approver.groups }];
    throw new UserError(`${path}: ${JSON.stringify(id)} cannot be the id of an approver`, {
      hint: 'Use letters, digits and . _ @ - only: it names the file of a key.',
    });
  });
}

const pathIn = (policiesDir: string): string => join(policiesDir, 'development-identities.yaml');

function readIdentities(path: string): z.infer<typeof schema>['identities'] {
  const refuse = (why: string, cause: unknown): UserError =>
    new UserError(`Cannot read the development identities in ${path}: ${why}`, {
      hint: 'Correct the file, or name the folder of your policies in COUNTERSIGN_POLICIES.',
      cause,
    });
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw refuse(messageOf(cause), cause);
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data.identities;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw refuse(issues.join('; '), parsed.error);
}
