// What a local stack's home gets so that approvals work at once, and what of it is kept.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { approverFiles, ensureApprovers, entryOf } from '../../../cli/stack/approver-keys.ts';
import { prepareHome } from '../../../cli/stack/home.ts';
import { newKey, readPrivateKey } from '../../../policies/approver-keys.ts';
import { createApproverRegistry } from '../../../policies/approver-registry.ts';
import { registryText, signApprover } from '../../../policies/approvers.ts';
import { UserError } from '../../../runtime/errors.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const temp = useTempFolder();
const WANTED = [
  { id: 'manager', groups: ['refund-approvers'] },
  { id: 'staff', groups: ['refund-approvers', 'finance'] },
];
const NOW = new Date('2026-06-01T00:00:00Z');
const afterDays = (days: number): Date => new Date(NOW.getTime() + days * 24 * 3_600_000);

let homes = 0;
const newHome = (): string => {
  homes += 1;
  return temp.file(`home-${homes}`);
};
const read = (path: string): string => readFileSync(path, 'utf8');
const modeOf = (path: string): number => statSync(path).mode & 0o777;

function current(home: string, now = NOW) {
  const { registry, adminPublic } = approverFiles(home);
  return createApproverRegistry({ file: registry, adminKeyFile: adminPublic }).current(now);
}

function problemOf(act: () => unknown): UserError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error('nothing was thrown');
}

describe('an empty home', () => {
  it('gets an admin key, a key for each approver, and a registry that verifies', () => {
    const home = newHome();
    ensureApprovers(home, WANTED, NOW);
    const files = approverFiles(home);
    const keys = WANTED.map(({ id }) => readPrivateKey(files.keyOf(id)));
    expect(current(home)).toEqual(
      WANTED.map(({ id, groups }, index) => ({ approver: id, kid: keys[index]?.kid, x: keys[index]?.x, groups })),
    );
    expect(JSON.parse(read(files.keyOf('staff')))).toMatchObject({ approver: 'staff' });
    expect(current(home, afterDays(364))).toHaveLength(2);
    expect(current(home, afterDays(366))).toEqual([]);
  });

  it('keeps private keys to its owner, and the rest without private parts', () => {
    const home = newHome();
    ensureApprovers(home, WANTED, NOW);
    const { adminPrivate, adminPublic, registry, keyOf } = approverFiles(home);
    for (const path of [adminPrivate, keyOf('manager'), keyOf('staff')]) {
      expect(modeOf(path), path).toBe(0o600);
      expect(JSON.parse(read(path))).toHaveProperty('d');
    }
    expect(modeOf(join(home, 'keys', 'approvers'))).toBe(0o700);
    for (const path of [adminPublic, registry]) expect(read(path)).not.toContain('"d"');
  });

  it('gets the development approvers of the project when it is prepared', async () => {
    const home = newHome();
    mkdirSync(home);
    await prepareHome(home);
    expect(current(home, new Date()).map(({ approver }) => approver)).toEqual(['staff', 'manager', 'supervisor']);
    expect(readdirSync(join(home, 'keys', 'approvers')).sort()).toEqual([
      'manager.json',
      'staff.json',
      'supervisor.json',
    ]);
  });

  it('takes the approvers of another policies folder when one is named', async () => {
    const home = newHome();
    const policies = newHome();
    for (const folder of [home, policies]) mkdirSync(folder);
    writeFileSync(
      join(policies, 'development-identities.yaml'),
      'v: 1\nidentities: {ada: {approver: {groups: [x]}}}\n',
    );
    await prepareHome(home, policies);
    expect(current(home, new Date())).toMatchObject([{ approver: 'ada', groups: ['x'] }]);
  });
});

describe('a home that has them', () => {
  it('is left as it is, to the byte', () => {
    const home = newHome();
    ensureApprovers(home, WANTED, NOW);
    const copy = newHome();
    cpSync(home, copy, { recursive: true });
    const { registry, keyOf, adminPrivate, adminPublic } = approverFiles(home);
    const writtenAt = statSync(registry).mtimeMs;
    ensureApprovers(home, WANTED, afterDays(300));
    expect(statSync(registry).mtimeMs).toBe(writtenAt);
    const before = approverFiles(copy);
    expect(read(registry)).toBe(read(before.registry));
    expect(read(keyOf('staff'))).toBe(read(before.keyOf('staff')));
    expect([read(adminPrivate), read(adminPublic)]).toEqual([read(before.adminPrivate), read(before.adminPublic)]);
  });

  it('gets a new development approver beside those it has, and keeps entries of others', () => {
    const home = newHome();
    ensureApprovers(home, WANTED.slice(0, 1), NOW);
    const files = approverFiles(home);
    const admin = readPrivateKey(files.adminPrivate);
    const x = newKey('ada-1').publicJwk['x'] ?? '';
    const ada = signApprover(admin.key, entryOf({ id: 'ada', groups: ['other'], key: { kid: 'ada-1', x }, now: NOW }));
    const [manager] = JSON.parse(read(files.registry)).approvers;
    writeFileSync(files.registry, registryText([manager, ada]));
    const before = current(home);
    ensureApprovers(home, WANTED, NOW);
    expect(current(home)).toEqual([...before, expect.objectContaining({ approver: 'staff' })]);
  });

  it.each([
    ['another month at most is left', (_: string) => afterDays(340), WANTED],
    ['its groups were changed', (_: string) => NOW, WANTED.map(({ id }) => ({ id, groups: ['other'] }))],
    [
      'its key is gone',
      (home: string) => {
        rmSync(approverFiles(home).keyOf('manager'));
        return NOW;
      },
      WANTED,
    ],
  ])('makes the entry of a development approver anew when %s', (_, change, wanted) => {
    const home = newHome();
    ensureApprovers(home, WANTED, NOW);
    const now = change(home);
    ensureApprovers(home, wanted, now);
    const key = readPrivateKey(approverFiles(home).keyOf('manager'));
    const manager = current(home, now).filter(({ approver }) => approver === 'manager');
    expect(manager).toEqual([{ approver: 'manager', kid: key.kid, x: key.x, groups: wanted[0]?.groups }]);
    expect(current(home, new Date(now.getTime() + 200 * 24 * 3_600_000))).toHaveLength(2);
  });

  it('has its public admin key derived again when that is missing', () => {
    const home = newHome();
    ensureApprovers(home, WANTED, NOW);
    const { adminPublic } = approverFiles(home);
    const before = read(adminPublic);
    rmSync(adminPublic);
    ensureApprovers(home, WANTED, NOW);
    expect(read(adminPublic)).toBe(before);
  });
});

describe('a home that cannot be trusted', () => {
  it('with an edited registry is refused, and nothing is signed over it', () => {
    const home = newHome();
    ensureApprovers(home, WANTED, NOW);
    const { registry } = approverFiles(home);
    const edited = read(registry).replace('finance', 'finanze');
    writeFileSync(registry, edited);
    const error = problemOf(() => ensureApprovers(home, [...WANTED, { id: 'new', groups: ['x'] }], NOW));
    expect(error.message).toBe(`${registry}: the entry of staff is not signed by the admin key of this stack`);
    expect(read(registry)).toBe(edited);
    expect(existsSync(approverFiles(home).keyOf('new'))).toBe(false);
  });

  it.each([
    ['a registry', (home: string) => rmSync(approverFiles(home).adminPublic)],
    ['a public admin key', (home: string) => rmSync(approverFiles(home).registry)],
  ])('with %s and no private admin key is refused: a new one would make them worthless', (_, change) => {
    const home = newHome();
    ensureApprovers(home, WANTED, NOW);
    const { adminPrivate } = approverFiles(home);
    rmSync(adminPrivate);
    change(home);
    const error = problemOf(() => ensureApprovers(home, WANTED, NOW));
    expect(error.message).toContain(`${adminPrivate} is missing`);
    expect(error.hint).toContain('to have all three made anew');
    expect(existsSync(adminPrivate)).toBe(false);
  });

  it('with halves of two admin keys is refused', () => {
    const home = newHome();
    ensureApprovers(home, WANTED, NOW);
    const { adminPublic, adminPrivate } = approverFiles(home);
    writeFileSync(adminPublic, JSON.stringify(newKey('other').publicJwk));
    const error = problemOf(() => ensureApprovers(home, WANTED, NOW));
    expect(error.message).toBe(`${adminPublic} is not the public half of ${adminPrivate}`);
  });
});
