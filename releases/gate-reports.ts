// What gates said of releases: kept with their figures, and named by the moves that went by them.
import { ulid } from 'ulid';
import type { Sql, Transaction } from '../runtime/database.ts';
import type { Digest } from '../workflows/protocol/index.ts';

export interface GateReport {
  readonly id: string;
  readonly outcome: 'passed' | 'failed' | 'undecided';
  /** As the gate gave it. */
  readonly verdict: unknown;
  readonly by: string;
  readonly at: Date;
}

export interface NewGateReport extends Pick<GateReport, 'outcome' | 'verdict' | 'by'> {
  readonly tenant: string;
  readonly release: Digest;
}

/** @returns its id */
export async function keepGateReport(
  sql: Sql,
  { tenant, release, outcome, verdict, by }: NewGateReport,
): Promise<string> {
  const id = ulid();
  await sql`
    insert into gate_reports (tenant, id, release_digest, outcome, verdict, made_by)
    values (${tenant}, ${id}, ${release}, ${outcome}, ${sql.json(verdict as never)}, ${by})`;
  return id;
}

/** Of a release, latest first. */
export async function listGateReports(
  sql: Sql | Transaction,
  { tenant, release, limit = 20 }: { readonly tenant: string; readonly release: Digest; readonly limit?: number },
): Promise<readonly GateReport[]> {
  return await sql<GateReport[]>`
    select id, outcome, verdict, made_by as by, made_at as at from gate_reports
    where tenant = ${tenant} and release_digest = ${release} order by made_at desc, id desc limit ${limit}`;
}
