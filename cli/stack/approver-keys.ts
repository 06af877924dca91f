// Keys by which approvals work on a local stack without any setup: an admin key, keys of the development approvers, and the
// registry that the one signs for the others.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PrivateKey } from '../../policies/approver-keys.ts';
import { newKey, readPrivateKey, readPublicKey } from '../../policies/approver-keys.ts';
import type { Approver } from '../../policies/approvers.ts';
import { isSigned, readApprovers, registryText, signApprover } from '../../policies/approvers.ts';
import type { DevelopmentApprover } from '../../policies/development-identities.ts';
import { UserError } from '../../runtime/errors.ts';
import { writeFileAtomic } from '../../runtime/write-file-atomic.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const VALID_DAYS = 365;
/** An entry that ends sooner is made anew, so that no stack stops approving while somebody uses it. */
const RENEW_DAYS = 30;

export interface ApproverFiles {
  readonly adminPrivate: string;
  readonly adminPublic: string;
  readonly registry: string;
  /** Private key of one approver. */
  keyOf(id: string): string;
}

export function approverFiles(home: string): ApproverFiles {
  const keys = join(home, 'keys');
  return {
    adminPrivate: join(keys, 'approvers-admin-private.json'),
    adminPublic: join(keys, 'approvers-admin-public.json'),
    registry: join(home, 'approvers.json'),
    keyOf: (id) => join(keys, 'approvers', `${id}.json`),
  };
}

/** A key id that says whose key it is, and that no two keys share. */
export const newKid = (owner: string): string => `${owner.slice(0, 100)}-${randomBytes(4).toString('hex')}`;

/**
 * Makes what is missing. Keys that are there stay; entries of other approvers are not touched.
 *
 * @throws UserError when the registry cannot be trusted: it is never signed over
 */
export function ensureApprovers(home: string, wanted: readonly DevelopmentApprover[], now: Date = new Date()): void {
  const files = approverFiles(home);
  mkdirSync(join(home, 'keys', 'approvers'), { recursive: true, mode: 0o700 });
  const found = readApprovers(files.registry);
  const admin = ensureAdminKey(files, found !== undefined);
  const kept = found ?? [];
  for (const approver of kept) if (!isSigned(admin.public.key, approver)) throw notOurs(files.registry, approver.id);

  const byId = new Map(kept.map((approver) => [approver.id, approver]));
  for (const { id, groups } of wanted) {
    const key = ensureKey(files.keyOf(id), id);
    const before = byId.get(id);
    if (before !== undefined && isAsWanted(before, groups, key, now)) continue;
    byId.set(id, signApprover(admin.key, entryOf({ id, groups, key, now })));
  }
  const approvers = [...byId.values()];
  if (found !== undefined && approvers.every((each, index) => each === found[index])) return;
  writeFileAtomic(files.registry, registryText(approvers), 0o644);
}

export interface NewEntry {
  readonly id: string;
  readonly groups: readonly string[];
  readonly key: Pick<PrivateKey, 'kid' | 'x'>;
  readonly now: Date;
  /** @default 365 */
  readonly days?: number;
}

export function entryOf({
  id,
  groups,
  key: { kid, x },
  now,
  days = VALID_DAYS,
}: NewEntry): Omit<Approver, 'signature'> {
  return {
    id,
    groups: [...groups],
    keys: [{ kid, x }],
    validFrom: now.toISOString(),
    validUntil: new Date(now.getTime() + days * DAY_MS).toISOString(),
  };
}

function isAsWanted(entry: Approver, groups: readonly string[], { kid, x }: PrivateKey, now: Date): boolean {
  const hasKey = entry.keys.some((key) => key.kid === kid && key.x === x);
  const lasts = Date.parse(entry.validUntil) - now.getTime() > RENEW_DAYS * DAY_MS;
  return hasKey && lasts && entry.groups.join() === groups.join();
}

function ensureAdminKey(files: ApproverFiles, hasRegistry: boolean): PrivateKey {
  if (!existsSync(files.adminPrivate)) {
    // A new key would make every entry of an older one worthless.
    if (hasRegistry || existsSync(files.adminPublic)) {
      throw new UserError(`${files.adminPrivate} is missing, and it signs the approvers of this stack`, {
        hint: `Restore it, or remove ${files.registry} and ${files.adminPublic} to have all three made anew.`,
      });
    }
    writeFileAtomic(files.adminPrivate, `${JSON.stringify(newKey(newKid('approvers-admin')).privateJwk)}\n`);
  }
  const admin = readPrivateKey(files.adminPrivate);
  if (!existsSync(files.adminPublic)) writePublic(files.adminPublic, admin);
  if (readPublicKey(files.adminPublic).x === admin.x) return admin;
  throw new UserError(`${files.adminPublic} is not the public half of ${files.adminPrivate}`, {
    hint: `Restore the right pair, or remove ${files.adminPublic} to have it made from the private key.`,
  });
}

function ensureKey(path: string, id: string): PrivateKey {
  if (!existsSync(path)) {
    writeFileAtomic(path, `${JSON.stringify(newKey(newKid(id), { approver: id }).privateJwk)}\n`);
  }
  return readPrivateKey(path);
}

function writePublic(path: string, { kid, x }: PrivateKey): void {
  writeFileAtomic(path, `${JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA' })}\n`, 0o644);
}

const notOurs = (registry: string, id: string): UserError =>
  new UserError(`${registry}: the entry of ${id} is not signed by the admin key of this stack`, {
    hint: 'It was edited, or signed by another key. Restore the file, or remove it to have the development approvers made anew.',
  });
