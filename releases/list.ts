// What the registry has: versions of releases, and where labels point.
import type { Sql } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import type { Digest, Risk } from '../workflows/protocol/index.ts';

export interface ListedRelease {
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
  readonly risk: Risk;
  readonly model: string;
  /** `null` where the manifest does not say. */
  readonly owner: string | null;
  /** That point to it. */
  readonly labels: readonly string[];
  readonly publishedBy: string;
  readonly publishedAt: Date;
  /** Outcome of its latest gate report; `null` without one. */
  readonly gate: 'passed' | 'failed' | 'undecided' | null;
}

/** By name, latest version first. @param name @default all of them. @throws UserError for a name that has none */
export async function listReleases(
  sql: Sql,
  { tenant, name }: { readonly tenant: string; readonly name?: string },
): Promise<readonly ListedRelease[]> {
  const rows = await sql<ListedRelease[]>`
    select r.name, r.version, r.digest, r.body->>'risk' as risk, r.body->'model'->>'name' as model,
      r.body->'about'->>'owner' as owner, r.published_by as "publishedBy", r.published_at as "publishedAt",
      coalesce((select array_agg(l.label order by l.label) from release_labels l
        where l.tenant = r.tenant and l.name = r.name and l.stable = r.digest), '{}') as labels,
      (select g.outcome from gate_reports g where g.tenant = r.tenant and g.release_digest = r.digest and g.counts
        order by g.made_at desc, g.id desc limit 1) as gate
    from releases r where r.tenant = ${tenant} and (${name ?? null}::text is null or r.name = ${name ?? null})
    order by r.name, r.published_at desc, r.version desc`;
  if (rows.length > 0 || name === undefined) return rows;
  const names = await sql<
    { name: string }[]
  >`select distinct name from releases where tenant = ${tenant} order by name`;
  throw new UserError(`No release ${name}`, {
    hint:
      names.length === 0
        ? 'No release is published yet: `countersign release publish`.'
        : `Published are: ${names.map((row) => row.name).join(', ')}.`,
  });
}
