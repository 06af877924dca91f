// Erases a subject: ends its open runs, destroys its key, and leaves a signed tombstone. Histories, blobs and the ledger keep
// ciphertext that nobody can read any more.
import type { Client } from '@temporalio/client';
import { SignJWT } from 'jose';
import type { AssertionKey } from '../runtime/assertion.ts';
import type { Sql } from '../runtime/database.ts';
import { announceErasures } from '../runtime/keys/erasures.ts';
import type { BlobStore } from '../runtime/payloads/blob-store.ts';
import { requireNoHold } from './holds.ts';
import type { Subject, SubjectRun } from './subject-runs.ts';
import { endRun, runsOf } from './subject-runs.ts';

export interface EraseDependencies {
  /** As the owner: nobody else may delete keys. */
  readonly sql: Sql;
  readonly temporal: Client;
  readonly blobs: readonly BlobStore[];
  readonly signer: AssertionKey;
}

export interface Erasure {
  readonly runs: number;
  /** Of them open, and ended now. */
  readonly ended: number;
  readonly blobs: number;
  /** False when there was no key: erased before, or never seen. */
  readonly hadKey: boolean;
  /** The tombstone: compact JWS (EdDSA). `null` when there was nothing to erase. */
  readonly statement: string | null;
}

export interface EraseOptions {
  readonly by: string;
  /** For example a ticket. Not content: it is kept in clear. */
  readonly reason: string;
  readonly onProgress?: (done: number, of: number) => void;
}

const TOMBSTONE_TYPE = 'countersign-tombstone+jwt';

/**
 * Safe to repeat: what a killed attempt left is done by the next.
 *
 * @throws UserError when a hold stands; nothing was erased then
 */
export async function eraseSubject(
  { sql, temporal, blobs, signer }: EraseDependencies,
  subject: Subject,
  { by, reason, onProgress = () => {} }: EraseOptions,
): Promise<Erasure> {
  await requireNoHold(sql, subject);
  const runs = await runsOf(sql, subject);
  let ended = 0;
  for (const [index, run] of runs.entries()) {
    if (await endRun(temporal, run.runId, `erased: ${reason}`)) ended += 1;
    onProgress(index + 1, runs.length);
  }
  const { hadKey, statement } = await destroyKey(sql, subject, { signer, runs: runs.length, by, reason });
  // What was started between the two steps is under the destroyed key, or under a new one: the first kind ends here.
  const late = (await runsOf(sql, subject)).filter((run) => !runs.some((known) => known.runId === run.runId));
  for (const run of await withoutKey(sql, late)) {
    if (await endRun(temporal, run.runId, `erased: ${reason}`)) ended += 1;
  }
  let removed = 0;
  for (const run of await withoutKey(sql, [...runs, ...late])) {
    for (const store of blobs) removed += await store.remove(run.runId);
  }
  // The wrapped key stands in the file of the table until it is vacuumed.
  for (const table of ['subject_keys', 'run_keys']) await sql`vacuum ${sql(table)}`;
  return { runs: runs.length, ended, blobs: removed, hadKey, statement };
}

interface Statement {
  readonly signer: AssertionKey;
  readonly runs: number;
  readonly by: string;
  readonly reason: string;
}

async function destroyKey(
  sql: Sql,
  { tenant, pseudonym, id }: Subject,
  { signer, runs, by, reason }: Statement,
): Promise<Pick<Erasure, 'hadKey' | 'statement'>> {
  const erasedAt = new Date();
  const statement = await new SignJWT({ v: 1, tenant, subject: pseudonym, runs, by, reason })
    .setProtectedHeader({ alg: 'EdDSA', kid: signer.kid, typ: TOMBSTONE_TYPE })
    .setIssuedAt(erasedAt)
    .sign(signer.key);
  return await sql.begin(async (tx) => {
    // The keys of its runs go with it: they hang on this row.
    const destroyed = await tx`
      delete from subject_keys where tenant = ${tenant} and subject = ${pseudonym} returning key_id`;
    await announceErasures(tx, tenant);
    if (destroyed.length === 0) return { hadKey: false, statement: null };
    const gone = `erased:${pseudonym.slice(-16)}`;
    // Where they asked themselves; who asked on their behalf is a fact about somebody else.
    const own = tx.fragment`select run_id from start_ledger
      where tenant = ${tenant} and subject = ${pseudonym} and requester = ${id}`;
    await tx`update approvals set requester = ${gone} where requester = ${id} and run_id in (${own})`;
    await tx`update tool_calls set verdict = jsonb_set(verdict, '{facts,principal,id}', to_jsonb(${gone}::text))
      where run_id in (${own}) and verdict #>> '{facts,principal,id}' = ${id}`;
    await tx`update start_ledger set requester = ${gone} where run_id in (${own})`;
    await tx`insert into tombstones (tenant, subject, runs, statement, erased_at)
      values (${tenant}, ${pseudonym}, ${runs}, ${statement}, ${erasedAt})`;
    return { hadKey: true, statement };
  });
}

/** Of these runs, those whose key is gone. */
async function withoutKey(sql: Sql, runs: readonly SubjectRun[]): Promise<readonly SubjectRun[]> {
  const ids = runs.map((run) => run.runId);
  const rows = await sql<{ run_id: string }[]>`select run_id from run_keys where run_id = any(${ids}::text[])`;
  const kept = new Set(rows.map((row) => row.run_id));
  return runs.filter((run) => !kept.has(run.runId));
}
