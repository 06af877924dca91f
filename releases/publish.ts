// Publishes the releases of a folder and points a label at them. A version, once published, never changes.
import type { Database, Transaction } from '../runtime/database.ts';
import type { ToolDefinitions } from './load.ts';
import { loadReleases } from './load.ts';
import type { Release } from './release.ts';

export interface PublishOptions {
  readonly db: Database;
  readonly folder: string;
  readonly tenant: string;
  readonly publishedBy: string;
  /** What manifests may name under `tools`. @default none */
  readonly tools?: ToolDefinitions;
  /** Label moved to each release that was published. @default 'dev' */
  readonly label?: string;
}

export interface Published {
  readonly name: string;
  readonly version: string;
  readonly digest: string;
  /** True when it was not in the registry before. */
  readonly published: boolean;
  /** True when this version is in the registry with another content: the folder's was not published. */
  readonly conflict: boolean;
}

/** @throws UserError for a malformed manifest; nothing is published then */
export async function publishFolder(options: PublishOptions): Promise<readonly Published[]> {
  const releases = loadReleases(options.folder, options.tools);
  return await options.db.of(options.tenant).begin(async (tx) => {
    const published: Published[] = [];
    for (const release of releases) published.push(await publish(tx, release, options));
    return published;
  });
}

async function publish(sql: Transaction, release: Release, options: PublishOptions): Promise<Published> {
  const { tenant, publishedBy, label = 'dev' } = options;
  const { name, version } = release.body;
  const inserted = await sql`
    insert into releases (tenant, digest, name, version, body, published_by)
    values (${tenant}, ${release.digest}, ${name}, ${version}, ${sql.json(release.body as never)}, ${publishedBy})
    on conflict do nothing returning digest`;
  const [stored] = await sql<{ digest: string }[]>`
    select digest from releases where tenant = ${tenant} and name = ${name} and version = ${version}`;
  const conflict = stored?.digest !== release.digest;
  if (!conflict) {
    await sql`
      insert into release_labels (tenant, name, label, stable, moved_by)
      values (${tenant}, ${name}, ${label}, ${release.digest}, ${publishedBy})
      on conflict (tenant, name, label) do update
        set stable = excluded.stable, revision = release_labels.revision + 1, moved_by = excluded.moved_by, moved_at = now()
        where release_labels.stable <> excluded.stable`;
  }
  return { name, version, digest: release.digest, published: inserted.length > 0, conflict };
}
