// Approvers for tests: keys, a registry signed by an admin key made for the test, and decisions on what a run waits for.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ApprovalDetail, CountersignClient, Decided, DecideOptions, RunHandle, Signer } from '../client/index.ts';
import { newKey, readPrivateKey } from '../policies/approver-keys.ts';
import { signApprover } from '../policies/approvers.ts';
import type { Config } from '../runtime/config.ts';

const DEFAULT_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

export type Approvers = ReadonlyMap<string, Signer>;

/** A new approver's key. No registry knows it yet. */
export function newApprover(id: string): Signer {
  const kid = `${id}-${randomBytes(4).toString('hex')}`;
  return { approver: id, kid, privateKey: { ...newKey(kid).privateJwk, kty: 'OKP' } };
}

/**
 * Writes the registry that workers with this configuration read, signed by a new admin key. Workers notice at once.
 *
 * @param groups by approver id
 * @param earlier approvers that keep their keys
 */
export function writeApprovers(
  config: Pick<Config, 'approversFile' | 'approversKeyFile'>,
  groups: Readonly<Record<string, readonly string[]>>,
  earlier: Approvers = new Map(),
): Approvers {
  for (const file of [config.approversFile, config.approversKeyFile]) mkdirSync(dirname(file), { recursive: true });
  const admin = newKey('admin');
  const privateFile = `${config.approversKeyFile}.private`;
  writeFileSync(privateFile, JSON.stringify(admin.privateJwk), { mode: 0o600 });
  const adminKey = readPrivateKey(privateFile).key;
  const approvers = Object.keys(groups).map((id) => earlier.get(id) ?? newApprover(id));
  const entries = approvers.map(({ approver: id, kid, privateKey }) =>
    signApprover(adminKey, {
      id,
      groups: [...(groups[id] ?? [])],
      keys: [{ kid, x: privateKey.x ?? '' }],
      validFrom: '2020-01-01T00:00:00Z',
      validUntil: '2099-01-01T00:00:00Z',
    }),
  );
  writeFileSync(config.approversKeyFile, JSON.stringify(admin.publicJwk));
  writeFileSync(config.approversFile, JSON.stringify({ v: 1, approvers: entries }));
  return new Map(approvers.map((signer) => [signer.approver, signer]));
}

/** The next approval that a run waits for. @throws Error when it asks nobody within `timeoutMs`. @default timeoutMs 20000 */
export async function nextApproval(
  client: CountersignClient,
  run: Pick<RunHandle, 'id'>,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<ApprovalDetail> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const waiting = await client.approvals.list({ runId: run.id, limit: 1000 });
    const next = waiting.filter(({ state }) => state === 'pending').at(-1);
    if (next !== undefined) return await client.approvals.get(next.id);
    if (performance.now() > deadline) throw new Error(`Run ${run.id} asked nobody within ${timeoutMs} ms`);
    await pause(POLL_MS);
  }
}

/** Waits for the next approval of a run and decides it. @default decision 'approve' */
export async function decideNext(
  client: CountersignClient,
  run: Pick<RunHandle, 'id'>,
  options: Pick<DecideOptions, 'signer' | 'reason' | 'via'> & Partial<Pick<DecideOptions, 'decision'>>,
): Promise<Decided> {
  const { id } = await nextApproval(client, run);
  return await client.approvals.decide(id, { decision: 'approve', ...options });
}
