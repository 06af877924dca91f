// The development identity provider: names for `--as`, and nowhere but on a local stack.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { developmentIdentity } from '../../policies/development-identities.ts';
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
      for (const known of ['customer', 'staff', 'operator', 'suspended', 'stranger'])
        expect(error.hint).toContain(known);
      expect(error.exitCode).toBe(64);
    },
  );
});
