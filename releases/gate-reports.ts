// What gates said of releases: kept with their figures, and named by the moves that went by them.
import { ulid } from 'ulid';
import type { Sql, Transaction } from '../runtime/database.ts';
import type { Digest } from '../workflows/protocol/index.ts';

export interface GateReport {
  readonly id: string;
  readonly outcome: 'passed' | 'failed' | 'undecided';
  /** Labels may move by it. */
  readonly counts: boolean;
  /** As the gate gave it. */
  readonly verdict: unknown;
  readonly by: string;
  readonly at: Date;
}

export interface NewGateReport extends Pick<GateReport, 'outcome' | 'counts' | 'verdict' | 'by'> {
  readonly tenant: string;
  readonly release: Digest;
}

/** @returns its id */
export async function keepGateReport(
  sql: Sql,
  { tenant, release, outcome, counts, verdict, by }: NewGateReport,
): Promise<string> {
  const id = ulid();
  await sql`
    insert into gate_reports (tenant, id, release_digest, outcome, counts, verdict, made_by)
    values (${tenant}, ${id}, ${release}, ${outcome}, ${counts}, ${sql.json(verdict as never)}, ${by})`;
  return id;
}

export interface ListedReports {
  readonly tenant: string;
  readonly release: Digest;
  /** @default 20 */
  readonly limit?: number;
  /** Only those by which labels may move. @default false */
  readonly counting?: boolean;
}

/** Of a release, latest first. */
export async function listGateReports(
  sql: Sql | Transaction,
  { tenant, release, limit = 20, counting = false }: ListedReports,
): Promise<readonly GateReport[]> {
  return await sql<GateReport[]>`
    select id, outcome, counts, verdict, made_by as by, made_at as at from gate_reports
    where tenant = ${tenant} and release_digest = ${release} and (counts or ${!counting}) order by made_at desc, id desc limit ${limit}`;
}
