// The registry of published releases in the ledger: immutable under a digest, named by version or by label.
import type { Sql } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import type { Digest, ReleaseRef } from '../workflows/protocol/index.ts';
import type { Release } from './release.ts';
import { releaseBodySchema, releaseDigest } from './release.ts';

const REF = /^([a-z0-9][a-z0-9_-]*)(?:@([A-Za-z0-9.-]+))?$/;
const VERSION = /^\d+\.\d+\.\d+/;

interface Row {
  readonly digest: string;
  readonly body: unknown;
}

/** @throws Error when the stored body does not hash to the digest: the registry was tampered with */
export async function findRelease(sql: Sql, tenant: string, digest: Digest): Promise<Release | undefined> {
  const [row] = await sql<Row[]>`
    select digest, body from releases where tenant = ${tenant} and digest = ${digest}`;
  return row === undefined ? undefined : toRelease(row);
}

/**
 * Resolves `NAME`, `NAME@1.4.0` or `NAME@production` to the one release it names now.
 *
 * @param defaultLabel what a bare `NAME` means
 * @throws UserError saying which names, versions or labels there are
 */
export async function resolveRelease(
  sql: Sql,
  tenant: string,
  ref: ReleaseRef,
  defaultLabel: string,
): Promise<Release> {
  const [, name, selector = defaultLabel] = REF.exec(ref) ?? [];
  if (name === undefined) {
    throw new UserError(`Not a release: ${ref}`, { hint: 'Write NAME, NAME@VERSION or NAME@LABEL.', exitCode: 64 });
  }
  const rows = VERSION.test(selector)
    ? await sql<Row[]>`
        select digest, body from releases where tenant = ${tenant} and name = ${name} and version = ${selector}`
    : await sql<Row[]>`
        select r.digest, r.body from release_labels l join releases r on r.tenant = l.tenant and r.digest = l.stable
        where l.tenant = ${tenant} and l.name = ${name} and l.label = ${selector}`;
  const [row] = rows;
  if (row !== undefined) return toRelease(row);
  throw new UserError(`No release ${name}@${selector}`, { hint: await whatThereIs(sql, tenant, name) });
}

async function whatThereIs(sql: Sql, tenant: string, name: string): Promise<string> {
  const versions = await sql<{ name: string }[]>`
    select name || '@' || version as name from releases where tenant = ${tenant} and name = ${name}
    union all select name || '@' || label from release_labels where tenant = ${tenant} and name = ${name}`;
  if (versions.length > 0) return `There are: ${versions.map((row) => row.name).join(', ')}.`;
  const names = await sql<{ name: string }[]>`
    select distinct name from releases where tenant = ${tenant} order by name`;
  if (names.length === 0) return 'No release is published yet: `countersign dev` publishes the releases folder.';
  return `Published are: ${names.map((row) => row.name).join(', ')}.`;
}

function toRelease(row: Row): Release {
  const body = releaseBodySchema.parse(row.body);
  const digest = releaseDigest(body);
  if (digest !== row.digest)
    throw new Error(`Release ${body.name}@${body.version} does not match its digest ${row.digest}`);
  return { digest, body };
}
