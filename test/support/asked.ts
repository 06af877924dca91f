// Approvals in a ledger as runs write them, without runs: sealed requests under real run keys, and how they ended.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { afterAll, beforeAll } from 'vitest';
import { writeRequest } from '../../activities/approval-requests.ts';
import { prepareHome } from '../../cli/stack/home.ts';
import { createStartLedger } from '../../client/start-ledger.ts';
import type { DatabaseRole } from '../../runtime/config.ts';
import type { Keys } from '../../runtime/keys/index.ts';
import { createKeys } from '../../runtime/keys/index.ts';
import type { ApprovalId, ApprovalRequest, ApprovalState } from '../../workflows/protocol/index.ts';
import { formatRunId } from '../../workflows/protocol/index.ts';
import type { TestDatabase } from './services.ts';

export interface AskOptions
  extends Partial<Pick<ApprovalRequest, 'kind' | 'preview' | 'requester' | 'tool' | 'follows'>> {
  /** @default 'default' */
  readonly tenant?: string;
  /** Whose data the run carries. @default nobody's */
  readonly subject?: string;
  /** @default ['managers'] */
  readonly groups?: readonly string[];
  /** @default an hour ago */
  readonly requestedAt?: Date;
  /** @default in an hour and a bit more, so that no reminder is due */
  readonly expiresAt?: Date;
}

export interface Asked {
  readonly home: string;
  keys(role: Extract<DatabaseRole, 'worker' | 'gateway'>): Keys;
  ask(options?: AskOptions): Promise<ApprovalId>;
  end(id: ApprovalId, state: Exclude<ApprovalState, 'pending'>, decidedBy?: readonly string[]): Promise<void>;
}

const MINUTE_MS = 60_000;
export const inMinutes = (minutes: number): Date => new Date(Date.now() + minutes * MINUTE_MS);

/** Call once at the top of a test file. */
export function useAsked(database: TestDatabase): Asked {
  const home = mkdtempSync(join(tmpdir(), 'countersign-asked-'));
  const keyFiles = {
    kek: join(home, 'keys/kek.json'),
    assertionPrivate: join(home, 'keys/assertion-private.json'),
    assertionPublic: join(home, 'keys/assertion-public.json'),
  };
  beforeAll(async () => await prepareHome(home));
  afterAll(() => rmSync(home, { recursive: true, force: true }));
  const keys: Asked['keys'] = (role) => createKeys(database.db(role), { keyFiles });

  return {
    home,
    keys,
    async ask({ tenant = 'default', subject, groups = ['managers'], requestedAt, expiresAt, ...more } = {}) {
      const runId = formatRunId({ tenant, kind: 'agent', ulid: ulid() });
      const requester = more.requester ?? 'ada';
      const entry = { runId, tenant, kind: 'agent', requester, taskQueue: 'q', request: {} };
      await createStartLedger(database.db('gateway'), keys('gateway')).enter({
        ...entry,
        ...(subject !== undefined && { subject }),
      });
      const start = await keys('worker').runKeys.find(runId);
      if (start === undefined) throw new Error(`no start of ${runId}`);
      const approvalId: ApprovalId = `${tenant}/approval/${ulid()}`;
      const end = expiresAt ?? inMinutes(90);
      await writeRequest(database.db('worker').of(tenant), start, {
        v: 1,
        approvalId,
        kind: 'tool',
        workflowId: runId,
        stepPath: 'agent/tool#1',
        preview: 'Refund 12.90 EUR of order O-1',
        previewHash: 'hmac-sha256:00',
        risk: 'high',
        labels: [],
        policyDigest: 'sha256:00',
        rules: [],
        releaseDigest: 'sha256:00',
        quorum: { n: 1, groups },
        notBefore: new Date().toISOString(),
        expiresAt: end.toISOString(),
        useBy: end.toISOString(),
        nonce: '00',
        tool: 'refund',
        ...more,
        requester,
      });
      await database.sql('owner')`
        update approvals set requested_at = ${requestedAt ?? inMinutes(-60)} where approval_id = ${approvalId}`;
      return approvalId;
    },
    async end(id, state, decidedBy = []) {
      const tenant = id.split('/')[0] ?? '';
      await database.db('worker').of(tenant)`
        insert into approval_outcomes (approval_id, tenant, state, decided_by, sealed)
        values (${id}, ${tenant}, ${state}, ${[...decidedBy]}, '')`;
    },
  };
}
