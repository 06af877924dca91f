// Publishes the releases of a folder and points a label at them: those that the access policy lets through, and that have what their
// risk class demands. A version, once published, never changes.
import { listDenials } from '../policies/denial-ledger.ts';
import { denialRules } from '../policies/denials.ts';
import { judgeRelease } from '../policies/judge-release.ts';
import type { AccessPolicy } from '../policies/load.ts';
import type { Database, Transaction } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import type { Principal } from '../workflows/protocol/index.ts';
import { labelState, moveLabel } from './labels.ts';
import type { LoadedRelease, ToolDefinitions } from './load.ts';
import { loadReleases } from './load.ts';
import type { Release } from './release.ts';
import { shortfallsOf, uncheckedOf } from './risk.ts';

export interface PublishOptions {
  readonly db: Database;
  readonly folder: string;
  readonly tenant: string;
  /** Who publishes; judged by the access policy, and noted. */
  readonly principal: Principal;
  readonly policy: AccessPolicy;
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
  /** What its risk class demands and publishing could not find out. */
  readonly unchecked: readonly string[];
}

/**
 * All or nothing.
 *
 * @throws UserError for a malformed manifest, for releases that the access policy or a denial keeps back, and for those that fall short
 *   of their risk class, with everything that is missing
 */
export async function publishFolder(options: PublishOptions): Promise<readonly Published[]> {
  const releases = loadReleases(options.folder, options.tools);
  return await options.db.of(options.tenant).begin(async (tx) => {
    await requireAllowed(tx, releases, options);
    const published: Published[] = [];
    for (const release of releases) published.push(await publish(tx, release, options));
    return published;
  });
}

async function requireAllowed(
  sql: Transaction,
  releases: readonly LoadedRelease[],
  options: PublishOptions,
): Promise<void> {
  const { policy, principal, tenant, label = 'dev' } = options;
  const standing = await listDenials(sql, { tenant, standing: true });
  const faults = releases.flatMap((release) => {
    const { name, version, risk } = release.body;
    const ref = `${name}@${version}`;
    const denied = denialRules(standing, { release: ref, principals: [principal.id] });
    const { decision, rules } = judgeRelease(policy, { principal, tenant, release: release.body, label }, denied);
    const why = rules.length > 0 ? rules.join(', ') : 'no policy allows it';
    return [
      ...(decision === 'deny' ? [`${principal.id} may not move ${label} to ${ref} (${why})`] : []),
      ...shortfallsOf(release, policy.riskClasses).map(
        (missing) => `${ref} falls short of risk class ${risk}: ${missing}`,
      ),
    ];
  });
  if (faults.length === 0) return;
  throw new UserError(`Nothing was published:\n${faults.map((fault) => `- ${fault}`).join('\n')}`, {
    hint: 'Put each right, or change the policies or the classes in risk-classes.yaml. docs/policies.md says what they demand.',
  });
}

async function publish(sql: Transaction, release: LoadedRelease, options: PublishOptions): Promise<Published> {
  const { tenant, principal, policy, label = 'dev' } = options;
  const { name, version } = release.body;
  const { published, conflict } = await enterRelease(sql, release, { tenant, by: principal.id });
  // Two who publish at once take turns: each publishes what it has.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`release ${tenant} ${name} ${label}`}, 0))`;
  const from = await labelState(sql, { tenant, name, label });
  if (!conflict && from.stable !== release.digest) {
    const by = principal.id;
    await moveLabel(sql, { tenant, name, label, kind: 'publish', to: release.digest, by, reason: 'published', from });
  }
  const unchecked = uncheckedOf(release, policy.riskClasses);
  return { name, version, digest: release.digest, published, conflict, unchecked };
}

export interface Entered {
  /** It was not in the registry before. */
  readonly published: boolean;
  /** Another content is under its version. */
  readonly conflict: boolean;
}

/** Into the registry; no label is moved. Whether it may be there is asked before. */
export async function enterRelease(
  sql: Transaction,
  { digest, body }: Release,
  { tenant, by }: { readonly tenant: string; readonly by: string },
): Promise<Entered> {
  const { name, version } = body;
  const inserted = await sql`
    insert into releases (tenant, digest, name, version, body, published_by)
    values (${tenant}, ${digest}, ${name}, ${version}, ${sql.json(body as never)}, ${by})
    on conflict do nothing returning digest`;
  const [stored] = await sql<{ digest: string }[]>`
    select digest from releases where tenant = ${tenant} and name = ${name} and version = ${version}`;
  return { published: inserted.length > 0, conflict: stored?.digest !== digest };
}
