// The registry as workers hold it: who may decide now, read again when the file changed, and never a version that failed to verify.
import { copyFileSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newKey, readPrivateKey } from '../../policies/approver-keys.ts';
import { createApproverRegistry } from '../../policies/approver-registry.ts';
import type { UnsignedApprover } from '../../policies/approvers.ts';
import { registryText, signApprover } from '../../policies/approvers.ts';
import { UserError } from '../../runtime/errors.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const NOW = new Date('2026-06-01T12:00:00Z');

interface Entry extends Partial<Omit<UnsignedApprover, 'id'>> {
  readonly id: string;
}

/** A registry of its own in a folder of its own. */
function setUp() {
  const folder = mkdtempSync(join(temp.path, 'registry-'));
  const file = join(folder, 'approvers.json');
  const adminKeyFile = join(folder, 'admin-public.json');
  const privateFile = join(folder, 'admin-private.json');
  const admin = newKey('admin');
  writeFileSync(privateFile, JSON.stringify(admin.privateJwk));
  writeFileSync(adminKeyFile, JSON.stringify(admin.publicJwk));
  const adminKey = readPrivateKey(privateFile).key;
  const xs = new Map<string, string>();
  const xOf = (id: string): string => {
    const x = xs.get(id) ?? newKey(id).publicJwk['x'] ?? '';
    xs.set(id, x);
    return x;
  };
  const textOf = (...entries: readonly Entry[]): string =>
    registryText(
      entries.map((entry) =>
        signApprover(adminKey, {
          groups: ['refund-approvers'],
          keys: [{ kid: `${entry.id}-1`, x: xOf(entry.id) }],
          validFrom: '2026-01-01T00:00:00Z',
          validUntil: '2027-01-01T00:00:00Z',
          ...entry,
        }),
      ),
    );
  const registry = createApproverRegistry({ file, adminKeyFile });
  return {
    file,
    adminKeyFile,
    xOf,
    textOf,
    write: (...entries: readonly Entry[]): void => writeFileSync(file, textOf(...entries)),
    registry,
    ids: (now = NOW): readonly string[] => registry.current(now).map(({ approver }) => approver),
  };
}

describe('the keys that count now', () => {
  it('are those of every valid entry, each with its approver and groups', () => {
    const { write, xOf, registry } = setUp();
    const second = newKey('b').publicJwk['x'] ?? '';
    write(
      {
        id: 'ada',
        groups: ['b', 'a'],
        keys: [
          { kid: 'ada-1', x: xOf('ada') },
          { kid: 'ada-2', x: second },
        ],
      },
      { id: 'bob' },
    );
    expect(registry.current(NOW)).toEqual([
      { approver: 'ada', kid: 'ada-1', x: xOf('ada'), groups: ['b', 'a'] },
      { approver: 'ada', kid: 'ada-2', x: second, groups: ['b', 'a'] },
      { approver: 'bob', kid: 'bob-1', x: xOf('bob'), groups: ['refund-approvers'] },
    ]);
  });

  it('leave out entries before their begin and from their end on', () => {
    const { write, ids } = setUp();
    write({ id: 'ada', validFrom: '2026-03-01T01:00:00+01:00', validUntil: '2026-04-01T00:00:00Z' });
    const at = (time: string): readonly string[] => ids(new Date(time));
    expect(at('2026-02-28T23:59:59.999Z')).toEqual([]);
    expect(at('2026-03-01T00:00:00.000Z')).toEqual(['ada']);
    expect(at('2026-03-31T23:59:59.999Z')).toEqual(['ada']);
    expect(at('2026-04-01T00:00:00.000Z')).toEqual([]);
  });

  it('are none at a time that is none', () => {
    const { write, ids } = setUp();
    write({ id: 'ada' });
    expect(ids(new Date(Number.NaN))).toEqual([]);
  });

  it('are none without a file, with or without an admin key', () => {
    const { ids, adminKeyFile } = setUp();
    expect(ids()).toEqual([]);
    rmSync(adminKeyFile);
    expect(ids()).toEqual([]);
  });
});

describe('a changed file', () => {
  it('counts from the next look on: added, removed, and gone', () => {
    const { write, ids, file } = setUp();
    write({ id: 'ada' });
    expect(ids()).toEqual(['ada']);
    write({ id: 'ada' }, { id: 'bob' });
    expect(ids()).toEqual(['ada', 'bob']);
    write({ id: 'bob' });
    expect(ids()).toEqual(['bob']);
    rmSync(file);
    expect(ids()).toEqual([]);
  });

  it('counts when it was put in place of the other with the same size and time', () => {
    const { write, textOf, ids, file } = setUp();
    const time = new Date('2026-05-01T00:00:00Z');
    write({ id: 'ada' });
    utimesSync(file, time, time);
    expect(ids()).toEqual(['ada']);
    writeFileSync(`${file}.new`, textOf({ id: 'bob' }));
    utimesSync(`${file}.new`, time, time);
    renameSync(`${file}.new`, file);
    expect(ids()).toEqual(['bob']);
  });

  it('is refused when it does not verify, again and again, and counts once it is restored', () => {
    const { write, textOf, ids, file } = setUp();
    write({ id: 'ada' });
    expect(ids()).toEqual(['ada']);
    writeFileSync(file, textOf({ id: 'ada' }).replace('refund-approvers', 'refund-approvert'));
    for (let i = 0; i < 3; i++) {
      expect(() => ids()).toThrow(UserError);
      expect(() => ids()).toThrow('the entry of ada is not signed by the admin key');
    }
    write({ id: 'ada' });
    expect(ids()).toEqual(['ada']);
  });

  it('is not read again as long as it stays', () => {
    const { write, registry } = setUp();
    write({ id: 'ada' });
    expect(registry.current(NOW)[0]?.groups).toBe(registry.current(NOW)[0]?.groups);
  });
});

describe('the admin key', () => {
  it('must be there as soon as there is a registry', () => {
    const { write, ids, adminKeyFile } = setUp();
    write({ id: 'ada' });
    rmSync(adminKeyFile);
    expect(() => ids()).toThrow(`No usable public key in ${adminKeyFile}`);
  });

  it('counts from the next look on when it changed: entries of the one before are refused', () => {
    const { write, ids, adminKeyFile } = setUp();
    write({ id: 'ada' });
    expect(ids()).toEqual(['ada']);
    const other = setUp();
    copyFileSync(other.adminKeyFile, adminKeyFile);
    expect(() => ids()).toThrow('is not signed by the admin key');
  });

  it('is refused to workers with its private half', () => {
    const { write, ids, adminKeyFile } = setUp();
    write({ id: 'ada' });
    writeFileSync(adminKeyFile, JSON.stringify(newKey('admin').privateJwk));
    expect(() => ids()).toThrow('a private key, where its public half belongs');
  });
});
