// The development identity provider: names for `--as`, and nowhere but on a local stack.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { developmentApprovers, developmentIdentity } from '../../policies/development-identities.ts';
import { UserError } from '../../runtime/errors.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const development = { mode: 'development', policiesDir: resolve('policies') } as const;

function errorOf(act: () => unknown): UserError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error('nothing was thrown');
}

describe('a development identity', () => {
  it('has the groups, roles and clearance of its entry, in the tenant asked for', () => {
    expect(developmentIdentity(development, 'operator', 'acme')).toEqual({
      id: 'operator',
      tenant: 'acme',
      groups: ['staff'],
      roles: ['operator'],
      clearance: 'internal',
    });
  });

  it('has no groups, no roles and no clearance that its entry does not name', () => {
    const folder = mkdtempSync(join(temp.path, 'policies-'));
    writeFileSync(join(folder, 'development-identities.yaml'), 'v: 1\nidentities:\n  bare: {}\n');
    expect(developmentIdentity({ mode: 'development', policiesDir: folder }, 'bare', 'default')).toEqual({
      id: 'bare',
      tenant: 'default',
      groups: [],
      roles: [],
      clearance: 'public',
    });
  });

  it('is a principal like any other also when it may approve', () => {
    expect(developmentIdentity(development, 'manager', 'default')).toEqual({
      id: 'manager',
      tenant: 'default',
      groups: ['staff'],
      roles: [],
      clearance: 'internal',
    });
  });

  it('does not exist in production, not even an unknown one', () => {
    for (const id of ['operator', 'nobody']) {
      const error = errorOf(() => developmentIdentity({ ...development, mode: 'production' }, id, 'default'));
      expect(error.message).toBe(`--as ${id} works on a local development stack only`);
      expect(error.exitCode).toBe(64);
    }
  });

  it.each(['nobody', 'constructor', '__proto__', ''])(
    'is refused by the name %j, and the known ones are listed',
    (id) => {
      const error = errorOf(() => developmentIdentity(development, id, 'default'));
      expect(error.message).toBe(`No development identity ${id}`);
      expect(error.hint).toContain(join(development.policiesDir, 'development-identities.yaml'));
      for (const known of ['customer', 'staff', 'operator', 'auditor', 'suspended', 'stranger'])
        expect(error.hint).toContain(known);
      expect(error.exitCode).toBe(64);
    },
  );
});

describe('development approvers', () => {
  function folderOf(yaml: string): string {
    const folder = mkdtempSync(join(temp.path, 'policies-'));
    writeFileSync(join(folder, 'development-identities.yaml'), yaml);
    return folder;
  }

  it('are those identities that have a block of their own, with its groups', () => {
    expect(developmentApprovers('policies')).toEqual(
      ['staff', 'manager', 'supervisor'].map((id) => ({
        id,
        groups: id === 'manager' ? ['refund-approvers', 'budget-approvers'] : ['refund-approvers'],
      })),
    );
  });

  it.each([
    ['another key', 'identities:\n  ada: {groops: [a]}\n', 'identities.ada: '],
    [
      'an approver without groups',
      'identities:\n  ada: {approver: {groups: []}}\n',
      'identities.ada.approver.groups: ',
    ],
    [
      'a group that is a path',
      'identities:\n  ada: {approver: {groups: [../a]}}\n',
      'identities.ada.approver.groups.0: ',
    ],
    [
      'an approver whose id is a path',
      'identities:\n  ../ada: {approver: {groups: [a]}}\n',
      '"../ada" cannot be the id',
    ],
    ['no YAML', 'identities: [\n', 'development-identities.yaml'],
  ])('are refused for %s, with the file and the field', (_, yaml, says) => {
    const folder = folderOf(`v: 1\n${yaml}`);
    const error = errorOf(() => developmentApprovers(folder));
    expect(error.message).toContain(join(folder, 'development-identities.yaml'));
    expect(error.message).toContain(says);
    expect(error.hint).not.toBe(undefined);
  });

  it('are refused without a file', () => {
    const folder = mkdtempSync(join(temp.path, 'policies-'));
    expect(errorOf(() => developmentApprovers(folder)).message).toContain('ENOENT');
  });
});
