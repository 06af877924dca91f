// Approval requests in the ledger: sealed under the run's key, known by their keyed hash.
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { canonicalJson, keyedHash } from '../runtime/canonical.ts';
import type { Sql } from '../runtime/database.ts';
import type { StartedRun } from '../runtime/keys/index.ts';
import { open, seal } from '../runtime/keys/index.ts';
import type { ApprovalId, ApprovalRequest, KeyedHash, RunId, StepPath } from '../workflows/protocol/index.ts';
import { Failure, HashPrefix, tenantOf } from '../workflows/protocol/index.ts';

export const hashOfRequest = (start: StartedRun, request: ApprovalRequest): KeyedHash =>
  keyedHash(start.key, HashPrefix.ApprovalRequest, request);

/** Writes the request of a step, once: a repeated attempt gets the one that was written first. */
export async function writeRequest(sql: Sql, start: StartedRun, request: ApprovalRequest): Promise<ApprovalRequest> {
  const { approvalId, workflowId, stepPath, kind, tool, effectKey, risk, requester, quorum, expiresAt, useBy } =
    request;
  const tenant = tenantOf(approvalId);
  const sealed = seal(start.key, contextOf(approvalId), Buffer.from(canonicalJson(request)));
  const inserted = await sql`
    insert into approvals (approval_id, tenant, run_id, step_path, kind, tool, effect_key, risk, requester, quorum, groups,
      request_hash, sealed, expires_at, use_by)
    values (${approvalId}, ${tenant}, ${workflowId}, ${stepPath}, ${kind}, ${tool ?? null}, ${effectKey ?? null}, ${risk},
      ${requester}, ${quorum.n}, ${[...quorum.groups]}, ${hashOfRequest(start, request)}, ${sealed}, ${expiresAt}, ${useBy})
    on conflict (run_id, step_path) do nothing returning approval_id`;
  return inserted.length > 0 ? request : await requestOfStep(sql, start, workflowId, stepPath);
}

interface Row {
  readonly approval_id: ApprovalId;
  readonly run_id: RunId;
  readonly request_hash: KeyedHash;
  readonly sealed: Uint8Array;
}

/**
 * The request of an approval, held against its hash.
 *
 * @throws ApplicationFailure ReceiptRefused, non-retryable: no such approval, another run's, or tampered with
 */
export async function requireRequest(
  sql: Sql,
  start: StartedRun,
  { runId, approvalId }: { readonly runId: RunId; readonly approvalId: ApprovalId },
): Promise<ApprovalRequest> {
  const [row] = await sql<Row[]>`
    select approval_id, run_id, request_hash, sealed from approvals where approval_id = ${approvalId}`;
  if (row === undefined || row.run_id !== runId) throw refuse(approvalId, `run ${runId} has no such approval`);
  return openRequest(start, row);
}

async function requestOfStep(sql: Sql, start: StartedRun, runId: RunId, step: StepPath): Promise<ApprovalRequest> {
  const [row] = await sql<Row[]>`
    select approval_id, run_id, request_hash, sealed from approvals where run_id = ${runId} and step_path = ${step}`;
  if (row === undefined) throw new Error(`Approval of ${step} in run ${runId} was neither written nor there`);
  return openRequest(start, row);
}

const requestSchema = z.custom<ApprovalRequest>((value) => typeof value === 'object' && value !== null);

function openRequest(start: StartedRun, { approval_id: approvalId, request_hash: hash, sealed }: Row): ApprovalRequest {
  let request: ApprovalRequest;
  try {
    request = requestSchema.parse(JSON.parse(open(start.key, contextOf(approvalId), sealed).toString('utf8')));
  } catch {
    throw refuse(approvalId, 'its request cannot be opened with the run key');
  }
  if (hashOfRequest(start, request) === hash) return request;
  throw refuse(approvalId, 'its request does not match its hash');
}

function refuse(approvalId: string, why: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`Approval ${approvalId}: ${why}. Nothing was done.`, Failure.ReceiptRefused);
}

const contextOf = (approvalId: ApprovalId): string => `approval:${approvalId}`;
