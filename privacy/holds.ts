// Holds: what must not be erased for now, a subject or one run, and by whose word.
import { ulid } from 'ulid';
import type { Sql } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import type { KeyedHash, RunId } from '../workflows/protocol/index.ts';
import type { Subject } from './subject-runs.ts';

export interface Hold {
  readonly id: string;
  readonly tenant: string;
  /** A pseudonym; `null` for a hold on one run. */
  readonly subject: KeyedHash | null;
  readonly runId: RunId | null;
  readonly reason: string;
  readonly placedBy: string;
  readonly placedAt: Date;
  readonly liftedBy: string | null;
  readonly liftedAt: Date | null;
}

const MAX_REASON_CHARS = 500;

export interface NewHold {
  readonly on: { readonly subject: Subject } | { readonly runId: RunId; readonly tenant: string };
  readonly reason: string;
  readonly by: string;
}

/** @throws UserError for a run that the ledger does not know, or without a reason */
export async function placeHold(sql: Sql, { on, reason, by }: NewHold): Promise<Hold> {
  if (reason.trim() === '' || reason.length > MAX_REASON_CHARS) {
    throw new UserError('A hold needs a reason', { hint: `1 to ${MAX_REASON_CHARS} characters.`, exitCode: 64 });
  }
  const row = 'subject' in on ? { tenant: on.subject.tenant, subject: on.subject.pseudonym } : { tenant: on.tenant };
  const id = ulid();
  try {
    await sql`insert into holds ${sql.rows([{ id, run_id: 'runId' in on ? on.runId : null, reason, placed_by: by, ...row }])}`;
  } catch (cause) {
    if ((cause as { code?: string }).code !== '23503' || !('runId' in on)) throw cause;
    throw new UserError(`The ledger has no run ${on.runId}`, {
      hint: '`npx countersign runs list` shows them.',
      cause,
    });
  }
  const [hold] = await listHolds(sql, { tenant: row.tenant, id });
  if (hold === undefined) throw new Error(`Hold ${id} was written and not found`);
  return hold;
}

/** @throws UserError for one that is not there, or lifted already */
export async function liftHold(sql: Sql, tenant: string, id: string, by: string): Promise<void> {
  const lifted = await sql`
    update holds set lifted_by = ${by}, lifted_at = now()
    where tenant = ${tenant} and id = ${id} and lifted_at is null returning id`;
  if (lifted.length > 0) return;
  throw new UserError(`No hold ${id} stands`, { hint: '`npx countersign subject holds` lists them.' });
}

/** Latest first. @param standing only those that are not lifted. @default standing false */
export async function listHolds(
  sql: Sql,
  { tenant, id, standing = false }: { readonly tenant: string; readonly id?: string; readonly standing?: boolean },
): Promise<readonly Hold[]> {
  return await sql<Hold[]>`
    select id, tenant, subject, run_id as "runId", reason, placed_by as "placedBy", placed_at as "placedAt",
      lifted_by as "liftedBy", lifted_at as "liftedAt" from holds
    where tenant = ${tenant} and (${id ?? null}::text is null or id = ${id ?? null})
      and (not ${standing} or lifted_at is null)
    order by placed_at desc, id desc`;
}

/** @throws UserError naming each hold that stands on the subject, or on one of its runs */
export async function requireNoHold(sql: Sql, { tenant, pseudonym, id: subject }: Subject): Promise<void> {
  const holds = await sql<{ id: string; run_id: string | null; placed_by: string; reason: string }[]>`
    select h.id, h.run_id, h.placed_by, h.reason from holds h
    where h.tenant = ${tenant} and h.lifted_at is null and (h.subject = ${pseudonym} or h.run_id in (
      select run_id from start_ledger where tenant = ${tenant} and subject = ${pseudonym}))
    order by h.id`;
  if (holds.length === 0) return;
  const list = holds.map(
    ({ id, run_id: run, placed_by: by, reason }) => `${id}${run === null ? '' : ` on ${run}`}, by ${by}: ${reason}`,
  );
  throw new UserError(`Subject ${subject} is on hold: ${list.join('; ')}`, {
    hint: 'Nothing was erased. Lift the hold first, if you may: `npx countersign subject lift ID`.',
  });
}
