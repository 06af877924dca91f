// The manifest of a backup, written last: what is in the folder, and how each file must read. A folder without one is half a backup.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from '../../runtime/canonical.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Migration } from '../../runtime/migrate.ts';

export const MANIFEST = 'manifest.json';
export const TEMPORAL_FILE = 'temporal.db';
export const MIGRATIONS_TABLE = 'public.countersign_migrations';

const digestSchema = z.object({
  bytes: z.number().int().nonnegative(),
  sha256: z.string().regex(/^sha256:[0-9a-f]{64}$/),
});

/** Names become paths and identifiers: nothing may lead out of the folder. */
const tableName = z.string().regex(/^(countersign\.[a-z_][a-z0-9_]*|public\.countersign_migrations)$/);
const keyPath = z.string().regex(/^(approvers\.json|keys(\/[\w@-][\w.@-]*)+)$/);

const manifestSchema = z.object({
  v: z.literal(1),
  createdAt: z.iso.datetime(),
  /** Version of countersign that made it. */
  countersign: z.string(),
  migrations: z.array(z.object({ id: z.number().int(), name: z.string(), hash: z.string() })).min(1),
  tables: z.array(
    digestSchema.extend({
      name: tableName,
      columns: z.array(z.string().min(1)).min(1),
      rows: z.number().int().nonnegative(),
    }),
  ),
  temporal: digestSchema,
  keys: z.object({ included: z.boolean(), files: z.array(digestSchema.extend({ path: keyPath })) }),
});

/** Of a file as it lies in the folder; `sha256:` and hex. */
export type FileDigest = Readonly<z.infer<typeof digestSchema>>;
export type Manifest = z.infer<typeof manifestSchema>;

/** Where the rows of a table lie, under the folder of the backup. */
export const tableFile = (name: string): string => join('ledger', `${name}.copy.gz`);

/** Where a file of the home's keys lies, under the folder of the backup. @param path from the home, with `/` */
export const keyFile = (path: string): string => join('key-files', path);

/** @throws UserError when the folder is no backup, or half of one, or was written by a newer version */
export function readManifest(folder: string): Manifest {
  const path = join(folder, MANIFEST);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UserError(`${folder} is not a whole backup: there is no ${MANIFEST} to read in it`, {
      hint: 'Name the folder that `npx countersign backup` wrote. One that ends in .partial was never finished.',
      cause,
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, 'it is not JSON', cause);
  }
  const version = z.object({ v: z.number().int().min(2) }).safeParse(json);
  if (version.success) {
    throw new UserError(`${path} has format ${version.data.v}, and this version of countersign reads format 1`, {
      hint: 'Use the newer version of countersign that wrote it. Nothing was changed.',
    });
  }
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw damaged(path, `${issue?.path.join('.')}: ${issue?.message}`, parsed.error);
}

const damaged = (path: string, why: string, cause: unknown): UserError =>
  new UserError(`${path} is damaged: ${why}`, { hint: 'Take another backup. Nothing was changed.', cause });

/**
 * The migrations that the ledger of the backup had, of those that this version knows.
 *
 * @throws UserError when it had others
 */
export function migrationsOf(manifest: Manifest, known: readonly Migration[]): readonly Migration[] {
  const byId = new Map(known.map((migration) => [migration.id, migration]));
  return manifest.migrations.map(({ id, name, hash }) => {
    const migration = byId.get(id);
    if (migration === undefined) {
      throw new UserError(`The backup has migration ${name}, which this version of countersign does not know`, {
        hint: `Countersign ${manifest.countersign} made it: use that version, or a newer one. Nothing was changed.`,
      });
    }
    if (hash === sha256(migration.text)) return migration;
    throw new UserError(`Migration ${name} of the backup reads otherwise than the one of this version`, {
      hint: `Countersign ${manifest.countersign} made it: use that version. Nothing was changed.`,
    });
  });
}
