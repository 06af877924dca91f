// The approver registry on disk: what is signed is taken as it stands, and anything else makes the whole of it refused.
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { newKey, readPrivateKey } from '../../policies/approver-keys.ts';
import type { Approver, UnsignedApprover } from '../../policies/approvers.ts';
import { isSigned, loadApprovers, readApprovers, registryText, signApprover } from '../../policies/approvers.ts';
import { UserError } from '../../runtime/errors.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
let files = 0;
const newFile = (text?: string): string => {
  files += 1;
  const file = temp.file(`${files}.json`);
  if (text !== undefined) writeFileSync(file, text);
  return file;
};
const newAdmin = () => readPrivateKey(newFile(JSON.stringify(newKey('admin').privateJwk)));
const admin = newAdmin();
const keyOf = (kid: string): { kid: string; x: string } => ({ kid, x: newKey(kid).publicJwk['x'] ?? '' });

const unsigned = (id: string, change: Partial<UnsignedApprover> = {}): UnsignedApprover => ({
  id,
  groups: ['refund-approvers'],
  keys: [keyOf(`${id}-1`)],
  validFrom: '2026-01-01T00:00:00Z',
  validUntil: '2027-01-01T00:00:00Z',
  ...change,
});
const signed = (id: string, change: Partial<UnsignedApprover> = {}): Approver =>
  signApprover(admin.key, unsigned(id, change));

function problemOf(text: string): { readonly error: UserError; readonly file: string } {
  const file = newFile(text);
  try {
    loadApprovers(file, admin.public.key);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return { error: error as UserError, file };
  }
  throw new Error('the registry loaded');
}
const problemOfAll = (...approvers: readonly unknown[]) => problemOf(JSON.stringify({ v: 1, approvers }));

describe('a registry', () => {
  it('has the entries that the admin signed, with all their keys', () => {
    const ada = signed('ada', { keys: [keyOf('ada-1'), keyOf('ada-2')], groups: ['b', 'a'] });
    const bob = signed('bob@example.com');
    expect(loadApprovers(newFile(registryText([ada, bob])), admin.public.key)).toEqual([ada, bob]);
  });

  it('is empty without a file', () => {
    expect(loadApprovers(temp.file('none.json'), admin.public.key)).toEqual([]);
    expect(readApprovers(temp.file('none.json'))).toBe(undefined);
  });

  it('keeps expired entries: whoever asks says at what time', () => {
    const old = signed('old', { validFrom: '2020-01-01T00:00:00Z', validUntil: '2020-01-02T00:00:00Z' });
    expect(loadApprovers(newFile(registryText([old])), admin.public.key)).toEqual([old]);
  });

  it('does not depend on the order of fields in an entry', () => {
    const { id, groups, keys, validFrom, validUntil, signature } = signed('ada');
    const turned = { signature, validUntil, validFrom, keys: keys.map(({ kid, x }) => ({ x, kid })), groups, id };
    expect(loadApprovers(newFile(JSON.stringify({ approvers: [turned], v: 1 })), admin.public.key)).toHaveLength(1);
  });

  it('signs what an entry says, under a prefix of its own', () => {
    const entry = unsigned('ada');
    const { signature } = signApprover(admin.key, entry);
    expect(Buffer.from(signature, 'base64url')).toHaveLength(64);
    expect(signApprover(admin.key, { ...entry }).signature).toBe(signature);
    expect(signApprover(newAdmin().key, entry).signature).not.toBe(signature);
  });

  it('is refused when the file cannot be read', () => {
    const { path } = temp;
    expect(() => loadApprovers(path, admin.public.key)).toThrow(`Cannot read the approver registry ${path}`);
  });
});

describe('an entry that was changed after signing', () => {
  const other = keyOf('ada-1').x;
  it.each<[string, (entry: Approver) => Approver]>([
    ['one byte of a group', (entry) => ({ ...entry, groups: ['refund-approvert'] })],
    ['a group more', (entry) => ({ ...entry, groups: [...entry.groups, 'finance'] })],
    ['groups joined differently', (entry) => ({ ...entry, groups: ['refund', 'approvers'] })],
    ['another id', (entry) => ({ ...entry, id: 'adb' })],
    ['another key', (entry) => ({ ...entry, keys: [{ kid: 'ada-1', x: other }] })],
    ['another key id', (entry) => ({ ...entry, keys: entry.keys.map(({ x }) => ({ kid: 'ada-9', x })) })],
    ['a key more', (entry) => ({ ...entry, keys: [...entry.keys, keyOf('ada-2')] })],
    ['a later end', (entry) => ({ ...entry, validUntil: '2028-01-01T00:00:00Z' })],
    ['an end at the same time, spelled otherwise', (entry) => ({ ...entry, validUntil: '2027-01-01T00:00:00.000Z' })],
    ['an earlier begin', (entry) => ({ ...entry, validFrom: '2025-01-01T00:00:00Z' })],
    ['one byte of the signature', ({ signature, ...entry }) => ({ ...entry, signature: flipped(signature) })],
    ['the signature of another entry', (entry) => ({ ...entry, signature: signed('bob').signature })],
    ['the signature of another admin', (entry) => signApprover(newAdmin().key, entry)],
  ])('makes the registry refused: %s', (_, change) => {
    const changed = change(signed('ada'));
    expect(isSigned(admin.public.key, changed)).toBe(false);
    const { error, file } = problemOfAll(signed('first'), changed);
    expect(error.message).toBe(`${file}: the entry of ${changed.id} is not signed by the admin key`);
    expect(error.hint).toContain('keys new');
  });

  const flipped = (signature: string): string => (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
});

describe('a malformed registry', () => {
  it.each([
    ['no JSON', '{"v": 1, "approvers": [', 'is not an approver registry'],
    ['nothing', '', 'is not an approver registry'],
    ['another version', '{"v": 2, "approvers": []}', 'is not an approver registry: v: '],
    ['no list', '{"v": 1, "approvers": {}}', 'is not an approver registry: approvers: '],
    ['a field more', '{"v": 1, "approvers": [], "admins": []}', 'is not an approver registry'],
  ])('is refused: %s', (_, text, says) => {
    const { error, file } = problemOf(text);
    expect(error.message).toContain(`${file} ${says}`);
    expect(error.hint).toContain('nobody can approve');
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['an id that is a path', { id: '../ada' }, 'entry 2 is malformed: id: '],
    ['an empty id', { id: '' }, 'entry 2 is malformed: id: '],
    ['no groups', { groups: [] }, 'entry 2 (ada) is malformed: groups: '],
    ['a group with a blank', { groups: ['a b'] }, 'entry 2 (ada) is malformed: groups.0: '],
    ['no keys', { keys: [] }, 'entry 2 (ada) is malformed: keys: '],
    ['a short key', { keys: [{ kid: 'k', x: 'AAAA' }] }, 'entry 2 (ada) is malformed: keys.0.x: not a key'],
    [
      'a key in its second spelling',
      { keys: [{ kid: 'k', x: `${'A'.repeat(42)}B` }] },
      'entry 2 (ada) is malformed: keys.0.x: not a key',
    ],
    ['a private key', { keys: [{ ...keyOf('k'), d: 'A'.repeat(43) }] }, 'entry 2 (ada) is malformed: keys.0: '],
    ['a key without id', { keys: [{ x: keyOf('k').x }] }, 'entry 2 (ada) is malformed: keys.0.kid: '],
    ['a day without time', { validFrom: '2026-01-01' }, 'entry 2 (ada) is malformed: validFrom: '],
    ['a time without zone', { validUntil: '2027-01-01T00:00:00' }, 'entry 2 (ada) is malformed: validUntil: '],
    ['an end before its begin', { validUntil: '2025-01-01T00:00:00Z' }, 'entry 2 (ada) is malformed: validUntil: '],
    ['a short signature', { signature: 'AAAA' }, 'entry 2 (ada) is malformed: signature: '],
    ['no signature', { signature: undefined }, 'entry 2 (ada) is malformed: signature: '],
    ['a field more', { admin: true }, 'entry 2 (ada) is malformed: '],
  ])('is refused with the number of the entry and the field: %s', (_, change, says) => {
    const { error, file } = problemOfAll(signed('first'), { ...signed('ada'), ...change });
    expect(error.message).toContain(`${file}: ${says}`);
  });

  it.each([[null], [5], ['ada'], [[]]])('is refused with an entry that is %j', (entry) => {
    expect(problemOfAll(entry).error.message).toContain('entry 1 is malformed');
  });

  it('cannot be made by signing: what no registry would take is not signed', () => {
    expect(() => signed('../ada')).toThrow('The approver ../ada is malformed: id: ');
    expect(() => signed('ada', { groups: [] })).toThrow('The approver ada is malformed: groups: ');
  });
});

describe('one person who would count as two', () => {
  const key = keyOf('shared');
  it('is refused by id', () => {
    const { error, file } = problemOfAll(signed('ada'), signed('bob'), signed('ada', { keys: [keyOf('ada-2')] }));
    expect(error.message).toBe(`${file}: the id ada stands there twice under ada`);
  });

  it('is refused by key id', () => {
    const { error } = problemOfAll(
      signed('ada', { keys: [key] }),
      signed('bob', { keys: [{ ...keyOf('b'), kid: 'shared' }] }),
    );
    expect(error.message).toContain('the kid shared stands there under ada and bob');
  });

  it('is refused by the key itself under another key id', () => {
    const { error } = problemOfAll(signed('ada', { keys: [key] }), signed('bob', { keys: [{ ...key, kid: 'bob-1' }] }));
    expect(error.message).toContain(`the key ${key.x} stands there under ada and bob`);
  });

  it('is refused also within one entry', () => {
    const { error } = problemOfAll(signed('ada', { keys: [key, { ...key, kid: 'again' }] }));
    expect(error.message).toContain('stands there twice under ada');
  });
});

describe('the text of a registry', () => {
  it('reads back as what was written', () => {
    const approvers = [signed('ada'), signed('bob')];
    const file = newFile(registryText(approvers));
    expect(readApprovers(file)).toEqual(approvers);
    expect(readFileSync(file, 'utf8').endsWith('}\n')).toBe(true);
  });
});
