// Labels of releases: pointers that people move, each move noted with who, why and which gate report. A move holds only from where it was seen
// to be (compare-and-set), so of two at once one is told that it came second, and the label is where the first one put it.
import type { Sql, Transaction } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import { visible } from '../runtime/visible.ts';
import type { Digest } from '../workflows/protocol/index.ts';

/** The usual ones, in the order in which a release comes to users. Others may be made. */
export const LABELS = ['dev', 'staging', 'production'] as const;
const LABEL = /^[a-z][a-z0-9-]{0,39}$/;
const MAX_REASON_CHARS = 500;

export type MoveKind = 'publish' | 'promote' | 'rollback';

export interface LabelState {
  /** `undefined`: it points nowhere yet. */
  readonly stable: Digest | undefined;
  /** 0 where it points nowhere. */
  readonly revision: number;
}

export interface LabelMove {
  readonly tenant: string;
  readonly name: string;
  readonly label: string;
  readonly kind: MoveKind;
  readonly to: Digest;
  readonly by: string;
  /** For people, at most 500 characters. */
  readonly reason: string;
  readonly gateReport?: string;
  /** Where it was seen to be. */
  readonly from: LabelState;
}

export interface LoggedMove {
  readonly label: string;
  readonly kind: MoveKind;
  /** `name@version`; `null` where the label pointed nowhere. */
  readonly from: string | null;
  readonly to: string;
  readonly fromDigest: Digest | null;
  readonly toDigest: Digest;
  readonly revision: number;
  readonly by: string;
  readonly at: Date;
  readonly reason: string;
  readonly gateReport: string | null;
}

/** @throws UserError, wrong use */
export function requireLabel(label: string): string {
  if (LABEL.test(label)) return label;
  throw new UserError(`Not a label: ${label}`, {
    hint: `Labels are lower-case letters, digits and hyphens. Usual are ${LABELS.join(', ')}.`,
    exitCode: 64,
  });
}

export async function labelState(
  sql: Sql | Transaction,
  { tenant, name, label }: Pick<LabelMove, 'tenant' | 'name' | 'label'>,
): Promise<LabelState> {
  const [row] = await sql<{ stable: Digest; revision: number }[]>`
    select stable, revision from release_labels where tenant = ${tenant} and name = ${name} and label = ${label}`;
  return { stable: row?.stable, revision: row?.revision ?? 0 };
}

/**
 * In the caller's transaction.
 *
 * @returns the label's new revision
 * @throws UserError when the label was moved since, saying where to and by whom; it stays there
 */
export async function moveLabel(tx: Transaction, move: LabelMove): Promise<number> {
  const { tenant, name, label, kind, to, by, from, gateReport } = move;
  const { reason } = move;
  const moved =
    from.revision === 0
      ? await tx<{ revision: number }[]>`
          insert into release_labels (tenant, name, label, stable, moved_by)
          values (${tenant}, ${name}, ${label}, ${to}, ${by}) on conflict do nothing returning revision`
      : await tx<{ revision: number }[]>`
          update release_labels set stable = ${to}, revision = revision + 1, moved_by = ${by}, moved_at = now()
          where tenant = ${tenant} and name = ${name} and label = ${label} and revision = ${from.revision}
            and stable = ${from.stable ?? ''}
          returning revision`;
  const [row] = moved;
  if (row === undefined) throw await movedMeanwhile(tx, move);
  await tx`
    insert into release_moves (tenant, name, label, kind, from_digest, to_digest, revision, moved_by, reason, gate_report)
    values (${tenant}, ${name}, ${label}, ${kind}, ${from.stable ?? null}, ${to}, ${row.revision}, ${by}, ${reason},
      ${gateReport ?? null})`;
  return row.revision;
}

/** Where it is now, and who put it there. */
export async function movedMeanwhile(
  tx: Sql | Transaction,
  { tenant, name, label }: Pick<LabelMove, 'tenant' | 'name' | 'label'>,
): Promise<UserError> {
  const [now] = await tx<{ ref: string; moved_by: string; moved_at: Date }[]>`
    select r.name || '@' || r.version as ref, l.moved_by, l.moved_at from release_labels l
    join releases r on r.tenant = l.tenant and r.digest = l.stable
    where l.tenant = ${tenant} and l.name = ${name} and l.label = ${label}`;
  const where =
    now === undefined
      ? ''
      : `, to ${now.ref} by ${visible(now.moved_by)} at ${now.moved_at.toISOString().slice(0, 19)}Z`;
  return new UserError(`${name}@${label} was moved meanwhile${where}. It was left there.`, {
    hint: `Look with \`countersign release history ${name}\`, and move it again if that is still right.`,
  });
}

/** @throws UserError, wrong use */
export function requireReason(reason: string): string {
  const text = reason.trim();
  if (text !== '' && text.length <= MAX_REASON_CHARS) return text;
  throw new UserError(`A move of a label needs a reason of at most ${MAX_REASON_CHARS} characters`, {
    hint: 'Give it with --reason.',
    exitCode: 64,
  });
}

/** Of a release, latest first. @param label @default all of them */
export async function listMoves(
  sql: Sql | Transaction,
  {
    tenant,
    name,
    label,
    limit = 100,
  }: { readonly tenant: string; readonly name: string; readonly label?: string; readonly limit?: number },
): Promise<readonly LoggedMove[]> {
  const rows = await sql<
    (Omit<LoggedMove, 'fromDigest' | 'toDigest' | 'gateReport' | 'by' | 'at'> & {
      readonly from_digest: Digest | null;
      readonly to_digest: Digest;
      readonly gate_report: string | null;
      readonly moved_by: string;
      readonly moved_at: Date;
    })[]
  >`
    select m.label, m.kind, f.name || '@' || f.version as from, t.name || '@' || t.version as to, m.from_digest, m.to_digest, m.revision,
      m.moved_by, m.moved_at, m.reason, m.gate_report
    from release_moves m
    left join releases f on f.tenant = m.tenant and f.digest = m.from_digest
    join releases t on t.tenant = m.tenant and t.digest = m.to_digest
    where m.tenant = ${tenant} and m.name = ${name} and (${label ?? null}::text is null or m.label = ${label ?? null})
    order by m.id desc limit ${limit}`;
  return rows.map(
    ({
      from_digest: fromDigest,
      to_digest: toDigest,
      gate_report: gateReport,
      moved_by: by,
      moved_at: at,
      ...row
    }) => ({
      ...row,
      fromDigest,
      toDigest,
      gateReport,
      by,
      at,
    }),
  );
}

/**
 * The way on which a label came to where it is, which is its last place; rollbacks take moves back, so two in a row go back two. What was
 * left by a rollback is not on it.
 *
 * @param moves of one label, latest first
 */
export function wayTo(moves: readonly Pick<LoggedMove, 'kind' | 'fromDigest' | 'toDigest'>[]): readonly Digest[] {
  // Labels are older than this log of their moves.
  const first = moves.at(-1)?.fromDigest;
  const way: Digest[] = first == null ? [] : [first];
  for (const { kind, toDigest } of moves.toReversed()) {
    const at = kind === 'rollback' ? way.lastIndexOf(toDigest) : -1;
    if (at >= 0) way.length = at + 1;
    else if (way.at(-1) !== toDigest) way.push(toDigest);
  }
  return way;
}
