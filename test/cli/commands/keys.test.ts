// `countersign keys` as people run it, with no server: what it makes, what it refuses, and that it prints no private key.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { approverFiles } from '../../../cli/stack/approver-keys.ts';
import { prepareHome } from '../../../cli/stack/home.ts';
import { newKey, readPrivateKey } from '../../../policies/approver-keys.ts';
import { createApproverRegistry } from '../../../policies/approver-registry.ts';
import { loadApprovers, registryText, signApprover } from '../../../policies/approvers.ts';
import type { Ended } from '../../support/stack.ts';
import { countersign, STACK_FRAME } from '../../support/stack.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const temp = useTempFolder();
const read = (path: string): string => readFileSync(path, 'utf8');
const DAY_MS = 24 * 3_600_000;

let homes = 0;
async function newHome(): Promise<string> {
  homes += 1;
  const home = temp.file(`home-${homes}`);
  mkdirSync(home);
  await prepareHome(home);
  return home;
}

const keys = (home: string, ...args: readonly string[]): Promise<Ended> =>
  countersign(['keys', ...args], { env: { COUNTERSIGN_HOME: home } });

function current(home: string, now = new Date()) {
  const { registry, adminPublic } = approverFiles(home);
  return createApproverRegistry({ file: registry, adminKeyFile: adminPublic }).current(now);
}

describe('keys new', () => {
  it('makes a key, adds its owner to the registry, and prints neither of its private parts', async () => {
    const home = await newHome();
    const { code, stdout, stderr } = await keys(
      home,
      'new',
      'ada@example.com',
      '--groups',
      'finance, refund-approvers',
      '--json',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { registry, keyOf } = approverFiles(home);
    const key = readPrivateKey(keyOf('ada@example.com'));
    const groups = ['finance', 'refund-approvers'];
    expect(JSON.parse(stdout)).toEqual({
      id: 'ada@example.com',
      groups,
      kid: key.kid,
      validUntil: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      keyFile: keyOf('ada@example.com'),
      registry,
    });
    expect(current(home)).toHaveLength(4);
    expect(current(home).at(-1)).toEqual({ approver: 'ada@example.com', kid: key.kid, x: key.x, groups });
    expect(statSync(keyOf('ada@example.com')).mode & 0o777).toBe(0o600);
    const { d, approver } = JSON.parse(read(keyOf('ada@example.com')));
    expect(approver).toBe('ada@example.com');
    expect(stdout).not.toContain(d);
    expect(read(registry)).not.toContain(d);
  });

  it('says to a person until when they may approve, and whose the key is', async () => {
    const home = await newHome();
    const out = temp.file('ada.json');
    const { code, stdout } = await keys(home, 'new', 'ada', '--groups', 'finance', '--days', '10', '--out', out);
    expect(code).toBe(0);
    const { validUntil } = JSON.parse(read(approverFiles(home).registry)).approvers.at(-1);
    expect(stdout).toContain(`ada may approve for finance until ${validUntil.slice(0, 10)}\n`);
    expect(stdout).toContain(out);
    expect(stdout).not.toContain(JSON.parse(read(out)).d);
    expect(current(home, new Date(Date.now() + 9 * DAY_MS)).map(({ approver }) => approver)).toContain('ada');
    expect(current(home, new Date(Date.now() + 11 * DAY_MS)).map(({ approver }) => approver)).not.toContain('ada');
  });

  it.each([
    { args: ['ada', '--groups', 'a b'], says: 'error: Not a group: "a b"\nhint: Use letters, ' },
    { args: ['ada', '--groups', 'a,'], says: 'error: Not a group: ""\nhint: Use letters, ' },
    { args: ['../ada', '--groups', 'a'], says: 'error: Not an id of an approver: "../ada"\nhint: Use letters, ' },
    { args: ['a/b', '--groups', 'a'], says: 'error: Not an id of an approver: "a/b"\nhint: ' },
    { args: ['', '--groups', 'a'], says: 'error: Not an id of an approver: ""\nhint: ' },
    { args: ['.ada', '--groups', 'a'], says: 'error: Not an id of an approver: ".ada"\nhint: ' },
    { args: ['ada', '--groups', 'a', '--days', '0'], says: 'error: Not a number of days: 0\nhint: ' },
    { args: ['ada', '--groups', 'a', '--days', '1.5'], says: 'error: Not a number of days: 1.5\nhint: ' },
    { args: ['ada', '--groups', 'a', '--days', '3651'], says: 'error: Not a number of days: 3651\nhint: ' },
    { args: ['ada'], says: "error: required option '--groups <names>' not specified" },
  ])('is used wrongly by `$args`, says so, and makes nothing', async ({ args, says }) => {
    const home = temp.file('never');
    const { code, stdout, stderr } = await keys(home, 'new', ...args);
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(STACK_FRAME);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(existsSync(home)).toBe(false);
  });

  it('refuses an id that is taken, and changes nothing', async () => {
    const home = await newHome();
    const { registry } = approverFiles(home);
    const before = read(registry);
    const { code, stderr } = await keys(home, 'new', 'manager', '--groups', 'a', '--out', temp.file('second.json'));
    expect(stderr).toContain(`error: There is an approver manager in ${registry} already\nhint: `);
    expect(code).toBe(1);
    expect(read(registry)).toBe(before);
    expect(existsSync(temp.file('second.json'))).toBe(false);
  });

  it('never overwrites a file', async () => {
    const home = await newHome();
    const { registry } = approverFiles(home);
    const before = read(registry);
    const out = temp.file('mine.json');
    writeFileSync(out, 'mine');
    const { code, stderr } = await keys(home, 'new', 'ada', '--groups', 'a', '--out', out);
    expect(stderr).toContain(`error: ${out} exists, and keys are never overwritten\nhint: `);
    expect(code).toBe(1);
    expect([read(out), read(registry)]).toEqual(['mine', before]);
  });

  it('says where the admin key should be when there is none, and makes nothing', async () => {
    const home = temp.file('empty');
    const { code, stderr } = await keys(home, 'new', 'ada', '--groups', 'a');
    expect(stderr).toContain(
      `error: No admin key in ${approverFiles(home).adminPrivate}\nhint: Start a local stack once`,
    );
    expect(code).toBe(1);
    expect(existsSync(home)).toBe(false);
  });

  it('refuses an admin key that workers do not know', async () => {
    const home = await newHome();
    const other = temp.file('other-admin.json');
    writeFileSync(other, JSON.stringify(newKey('other').privateJwk));
    const { code, stderr } = await keys(home, 'new', 'ada', '--groups', 'a', '--admin-key', other);
    expect(stderr).toContain(`error: ${other} is not the admin key that workers know`);
    expect(code).toBe(1);
    expect(existsSync(approverFiles(home).keyOf('ada'))).toBe(false);
  });

  it('adds nobody to a registry that was edited', async () => {
    const home = await newHome();
    const { registry, keyOf } = approverFiles(home);
    const edited = read(registry).replace('refund-approvers', 'refund-approvert');
    writeFileSync(registry, edited);
    const { code, stderr } = await keys(home, 'new', 'ada', '--groups', 'a');
    expect(stderr).toContain(`error: ${registry}: the entry of staff is not signed by the admin key\nhint: `);
    expect(code).toBe(1);
    expect([read(registry), existsSync(keyOf('ada'))]).toEqual([edited, false]);
  });
});

describe('keys revoke', () => {
  it('takes an approver out at once, with every key, and leaves the others as they were', async () => {
    const home = await newHome();
    await keys(home, 'new', 'ada@example.com', '--groups', 'finance');
    const { registry, adminPublic, keyOf } = approverFiles(home);
    const looking = createApproverRegistry({ file: registry, adminKeyFile: adminPublic });
    const before = looking.current(new Date());
    const { kid } = readPrivateKey(keyOf('ada@example.com'));
    const { code, stdout, stderr } = await keys(home, 'revoke', 'ada@example.com', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ id: 'ada@example.com', revoked: [kid], left: [], registry });
    // The registry that a worker holds sees it without a restart.
    expect(looking.current(new Date())).toEqual(before.filter(({ approver }) => approver !== 'ada@example.com'));
    expect(await keys(home, 'list')).toMatchObject({ code: 0 });
    expect(
      await keys(home, 'new', 'ada@example.com', '--groups', 'finance', '--out', temp.file('ada-2.json')),
    ).toMatchObject({
      code: 0,
    });
  });

  it('takes one key of two, and signs what is left', async () => {
    const home = await newHome();
    const { registry, adminPrivate } = approverFiles(home);
    const [first, second] = [newKey('ada-1'), newKey('ada-2')];
    const admin = readPrivateKey(adminPrivate);
    const own = loadApprovers(registry, admin.public.key);
    const entry = signApprover(admin.key, {
      id: 'ada',
      groups: ['finance'],
      keys: [first, second].map(({ publicJwk }) => ({ kid: publicJwk['kid'] ?? '', x: publicJwk['x'] ?? '' })),
      validFrom: new Date(Date.now() - DAY_MS).toISOString(),
      validUntil: new Date(Date.now() + DAY_MS).toISOString(),
    });
    writeFileSync(registry, registryText([...own, entry]));
    const { code, stdout } = await keys(home, 'revoke', 'ada', '--kid', 'ada-1');
    expect(code).toBe(0);
    expect(stdout).toContain('revoked ada-1 of ada\n  left: ada-2\n');
    expect(current(home).filter(({ approver }) => approver === 'ada')).toMatchObject([{ kid: 'ada-2' }]);
  });

  it.each([
    ['nobody', [], 'No approver nobody in '],
    ['manager', ['--kid', 'other'], 'manager has no key other: there is '],
  ])('of %s %j changes nothing', async (id, more, message) => {
    const home = await newHome();
    const { registry } = approverFiles(home);
    const before = read(registry);
    const { code, stderr } = await keys(home, 'revoke', id, ...more);
    expect({ code, before: read(registry) }).toEqual({ code: 1, before });
    expect(stderr).toContain(message);
    expect(stderr).toContain('keys list');
    expect(stderr).not.toMatch(STACK_FRAME);
  });
});

describe('keys list', () => {
  it('is a table of who may approve, with every signature checked', async () => {
    const home = await newHome();
    const { code, stdout, stderr } = await keys(home, 'list');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [head, ...rows] = stdout.trimEnd().split('\n');
    expect(head?.split(/ {2,}/)).toEqual(['ID', 'GROUPS', 'KEY', 'VALID UNTIL', 'SIGNATURE']);
    expect(rows.map((row) => row.split(/ {2,}/))).toEqual(
      ['staff', 'manager', 'supervisor'].map((id) => [
        id,
        id === 'manager' ? 'refund-approvers, budget-approvers' : 'refund-approvers',
        readPrivateKey(approverFiles(home).keyOf(id)).kid,
        expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
        'ok',
      ]),
    );
  });

  it('names the entry that is not signed, and ends with 1', async () => {
    const home = await newHome();
    const { registry } = approverFiles(home);
    const parsed = JSON.parse(read(registry));
    parsed.approvers[1].groups = ['finance'];
    writeFileSync(registry, JSON.stringify(parsed));
    const { code, stdout, stderr } = await keys(home, 'list');
    expect(stdout).toMatch(/^manager .*NOT SIGNED by the admin key$/m);
    expect(stdout).toMatch(/^staff .* {2}ok$/m);
    expect(stderr).toContain('workers refuse all of it');
    expect(code).toBe(1);
    const json = await keys(home, 'list', '--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: false,
      registry,
      approvers: [
        { id: 'staff', signed: true, state: 'valid' },
        { id: 'manager', signed: false, groups: ['finance'] },
        { id: 'supervisor', signed: true },
      ],
    });
  });

  it('refuses a registry that is none, and ends with 1', async () => {
    const home = await newHome();
    const { registry } = approverFiles(home);
    writeFileSync(registry, '{"v":1}');
    const { code, stdout, stderr } = await keys(home, 'list');
    expect(stderr).toContain(`error: ${registry} is not an approver registry: approvers: `);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  it('is undecided without an admin key to verify with', async () => {
    const home = await newHome();
    const { registry } = approverFiles(home);
    const none = temp.file('no-admin.json');
    const env = { COUNTERSIGN_APPROVERS: registry, COUNTERSIGN_APPROVERS_KEY_FILE: none };
    const { code, stderr } = await countersign(['keys', 'list'], { env });
    expect(stderr).toContain(`error: No admin key in ${none}: ${registry} cannot be verified\nhint: `);
    expect(code).toBe(2);
  });
});

describe('a deployment of its own', () => {
  it('makes its admin key once, adds approvers, and lists them, from the files that the environment names', async () => {
    const folder = temp.file('deployment');
    mkdirSync(folder);
    const env = {
      COUNTERSIGN_HOME: `${folder}/home`,
      COUNTERSIGN_ENV: 'production',
      COUNTERSIGN_APPROVERS: `${folder}/policies/approvers.json`,
      COUNTERSIGN_APPROVERS_KEY_FILE: `${folder}/admin-public.json`,
    };
    const secret = `${folder}/admin-private.json`;
    const run = (...args: readonly string[]): Promise<Ended> => countersign(['keys', ...args], { env });

    const none = await run('list');
    expect(none).toMatchObject({ code: 0, stdout: '' });
    expect(none.stderr).toContain(`no approvers in ${env.COUNTERSIGN_APPROVERS}`);

    const made = await run('admin', '--out', secret);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).not.toContain(JSON.parse(read(secret)).d);
    expect(statSync(secret).mode & 0o777).toBe(0o600);
    expect(read(env.COUNTERSIGN_APPROVERS_KEY_FILE)).not.toContain('"d"');
    const again = await run('admin', '--out', `${folder}/second.json`);
    expect(again.stderr).toContain(
      `error: ${env.COUNTERSIGN_APPROVERS_KEY_FILE} exists, and keys are never overwritten`,
    );
    expect(again.code).toBe(1);

    const out = `${folder}/ada.json`;
    expect(await run('new', 'ada', '--groups', 'finance', '--admin-key', secret, '--out', out)).toMatchObject({
      code: 0,
    });
    const listed = await run('list', '--json');
    expect(listed.code).toBe(0);
    expect(JSON.parse(listed.stdout)).toMatchObject({
      ok: true,
      registry: env.COUNTERSIGN_APPROVERS,
      approvers: [{ id: 'ada', kids: [readPrivateKey(out).kid], groups: ['finance'], signed: true }],
    });
    expect(readdirSync(folder).sort()).toEqual(['ada.json', 'admin-private.json', 'admin-public.json', 'policies']);
  });
});
