// Denials in the ledger: written by people, lifted by people, never deleted. Workers hear of each by NOTIFY.
import { ulid } from 'ulid';
import type { Sql, Transaction } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import type { DenialKind } from './denials.ts';

/** Its payload is the tenant. Said in the transaction that changes what stands: nobody hears of it before, and everybody after. */
export const DENIALS_CHANNEL = 'countersign_denials';

const MAX_REASON_CHARS = 500;
const MAX_NAME_CHARS = 200;

export interface LedgeredDenial {
  readonly id: string;
  readonly tenant: string;
  readonly kind: DenialKind;
  readonly name: string;
  readonly reason: string;
  readonly deniedBy: string;
  readonly deniedAt: Date;
  readonly liftedBy: string | null;
  readonly liftedAt: Date | null;
  readonly liftReason: string | null;
}

export interface NewDenial {
  readonly tenant: string;
  readonly kind: DenialKind;
  readonly name: string;
  readonly reason: string;
  readonly by: string;
}

/**
 * Takes a tool, a release or a principal out of use: from the next verdict on, for calls that are approved and not begun, too.
 *
 * @throws UserError without a reason, and for a tool or release that the registry does not know: a slip would deny nothing
 */
export async function placeDenial(sql: Sql, denial: NewDenial): Promise<LedgeredDenial> {
  const { tenant, kind, reason, by } = denial;
  requireText('reason', reason, MAX_REASON_CHARS);
  requireText('name of who denies', by, MAX_NAME_CHARS);
  requireText(`name of the ${kind}`, denial.name, MAX_NAME_CHARS);
  const name = await knownName(sql, denial);
  const id = ulid();
  await sql.begin(async (tx) => {
    await tx`
      insert into access_denials (tenant, id, kind, name, reason, denied_by)
      values (${tenant}, ${id}, ${kind}, ${name}, ${reason}, ${by})`;
    await tx`select pg_notify(${DENIALS_CHANNEL}, ${tenant})`;
  });
  const [placed] = await listDenials(sql, { tenant, id });
  if (placed === undefined) throw new Error(`Denial ${id} was written and not found`);
  return placed;
}

export interface Lift {
  readonly tenant: string;
  readonly id: string;
  readonly reason: string;
  readonly by: string;
}

/** @throws UserError for one that is not there, or lifted already */
export async function liftDenial(sql: Sql, { tenant, id, reason, by }: Lift): Promise<void> {
  requireText('reason', reason, MAX_REASON_CHARS);
  requireText('name of who lifts', by, MAX_NAME_CHARS);
  await sql.begin(async (tx) => {
    const lifted = await tx`
      update access_denials set lifted_by = ${by}, lifted_at = now(), lift_reason = ${reason}
      where tenant = ${tenant} and id = ${id} and lifted_at is null returning id`;
    if (lifted.length === 0) {
      throw new UserError(`No denial ${id} stands in tenant ${tenant}`, {
        hint: '`npx countersign policy denials` lists those that do.',
      });
    }
    await tx`select pg_notify(${DENIALS_CHANNEL}, ${tenant})`;
  });
}

/** Latest first. @param standing only those that are not lifted. @default standing false */
export async function listDenials(
  sql: Transaction,
  { tenant, id, standing = false }: { readonly tenant: string; readonly id?: string; readonly standing?: boolean },
): Promise<readonly LedgeredDenial[]> {
  return await sql<LedgeredDenial[]>`
    select id, tenant, kind, name, reason, denied_by as "deniedBy", denied_at as "deniedAt", lifted_by as "liftedBy",
      lifted_at as "liftedAt", lift_reason as "liftReason" from access_denials
    where tenant = ${tenant} and (${id ?? null}::text is null or id = ${id ?? null})
      and (not ${standing} or lifted_at is null)
    order by denied_at desc, id desc`;
}

/** As verdicts will name it: a label becomes the version that it points at now. Principals are known to nobody beforehand. */
async function knownName(sql: Sql, { tenant, kind, name }: NewDenial): Promise<string> {
  if (kind === 'principal') return name;
  const known = kind === 'tool' ? await toolsOf(sql, tenant) : await releasesOf(sql, tenant);
  const found = known.get(name);
  if (found !== undefined) return found;
  const list = [...new Set(known.keys())].sort().join(', ');
  throw new UserError(`No ${kind} ${name} in the releases of tenant ${tenant}: nothing was denied`, {
    hint: list === '' ? 'No release is published in this tenant.' : `There are: ${list}.`,
  });
}

async function toolsOf(sql: Sql, tenant: string): Promise<ReadonlyMap<string, string>> {
  const rows = await sql<{ name: string }[]>`
    select distinct tool -> 'definition' ->> 'name' as name
    from releases, jsonb_array_elements(body -> 'tools') tool where tenant = ${tenant}`;
  return new Map(rows.map(({ name }) => [name, name]));
}

async function releasesOf(sql: Sql, tenant: string): Promise<ReadonlyMap<string, string>> {
  const rows = await sql<{ as: string; name: string }[]>`
    select name as as, name from releases where tenant = ${tenant}
    union select name || '@' || version, name || '@' || version from releases where tenant = ${tenant}
    union select r.name || '@' || l.label, r.name || '@' || r.version
      from release_labels l join releases r on r.tenant = l.tenant and r.digest = l.stable where l.tenant = ${tenant}`;
  return new Map(rows.map((row) => [row.as, row.name]));
}

function requireText(what: string, text: string, maxChars: number): void {
  if (text.trim() !== '' && text.length <= maxChars) return;
  throw new UserError(`A denial needs a ${what}`, { hint: `1 to ${maxChars} characters.`, exitCode: 64 });
}
