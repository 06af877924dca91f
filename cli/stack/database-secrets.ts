// Passwords of the embedded PostgreSQL: made once, kept in `secrets.json` for the owner of the home folder only.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { z } from 'zod';
import type { DatabaseRole } from '../../runtime/config.ts';
import { databaseSecretsSchema, roleName, secretsPath } from '../../runtime/config.ts';
import { UserError } from '../../runtime/errors.ts';
import { writeFileAtomic } from '../../runtime/write-file-atomic.ts';

export type DatabaseSecrets = z.infer<typeof databaseSecretsSchema>['database'];

export const SUPERUSER = 'postgres';

export const DATABASE_ROLES = ['owner', 'worker', 'gateway', 'exporter'] as const satisfies readonly DatabaseRole[];

/** @throws UserError when the file is damaged, or is missing while there are data it would open */
export function databaseSecrets(home: string, hasData: boolean): DatabaseSecrets {
  const path = secretsPath(home);
  if (existsSync(path)) {
    try {
      return databaseSecretsSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).database;
    } catch (cause) {
      throw new UserError(`${path} is damaged`, {
        hint: `Restore it from a backup; without it the database under ${home} cannot be opened.`,
        cause,
      });
    }
  }
  if (hasData) {
    throw new UserError(`${path} is missing, and it holds the passwords of the database in ${home}`, {
      hint: `Restore it from a backup, or move ${home} away to begin anew.`,
    });
  }
  const password = (): string => randomBytes(24).toString('base64url');
  const database: DatabaseSecrets = {
    superuser: password(),
    owner: password(),
    worker: password(),
    gateway: password(),
    exporter: password(),
  };
  writeFileAtomic(path, `${JSON.stringify({ v: 1, database })}\n`);
  return database;
}

export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
}

/** A connection URL, password included: never print it. */
export function databaseUrl(
  address: DatabaseAddress,
  name: string,
  role: DatabaseRole | 'superuser',
  secrets: DatabaseSecrets,
): string {
  const user = role === 'superuser' ? SUPERUSER : roleName(role);
  return `postgres://${user}:${encodeURIComponent(secrets[role])}@${address.host}:${address.port}/${name}`;
}
