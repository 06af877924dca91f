// `approvals` as people type it: listing, showing and deciding what waits on a local stack, and every wrong use.
import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { ApprovalSummary } from '../../../client/index.ts';
import { COLLECTION, SAMPLE_DOCUMENTS } from '../../support/engine.ts';
import { STACK_FRAME, useStack } from '../../support/stack.ts';

const stack = useStack();
const SOON = { timeout: 100_000, interval: 200 };
const keyFile = (id: string): string => stack.folder.file('home', 'keys', 'approvers', `${id}.json`);

let id = '';
let runId = '';
let ulid = '';
beforeAll(async () => {
  expect((await stack.run(['ingest', SAMPLE_DOCUMENTS, '--collection', COLLECTION])).code).toBe(0);
  const { code, stdout } = await stack.run(['agent', 'Refund order A-1001: it arrived damaged', '--detach']);
  expect(code).toBe(0);
  runId = stdout.trim();
  id = await vi.waitFor(async () => {
    const [first] = JSON.parse((await stack.run(['approvals', 'list', '--json'])).stdout) as ApprovalSummary[];
    if (first === undefined) throw new Error('nothing waits');
    return first.id;
  }, SOON);
  ulid = id.split('/')[2] ?? '';
});

it('list shows what waits, of which risk, who asked, who decides, and how long', async () => {
  const { code, stdout, stderr } = await stack.run(['approvals', 'list']);
  expect(stdout).toMatch(/^APPROVAL +TOOL +RISK +ASKED BY +DECIDES +STATE\n/);
  expect(stdout).toMatch(
    new RegExp(`^${id} +refund_order +high +staff +1 of refund-approvers +pending, \\d+ h( \\d+ min)? left$`, 'm'),
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

it('show begins with what will happen, and ends with how to decide it', async () => {
  const { code, stdout, stderr } = await stack.run(['approvals', 'show', ulid.slice(-8)]);
  expect(stdout).toMatch(/^What will happen\n│ Refund 24\.90 EUR to the customer of order A-1001\n/);
  expect(stdout).toContain('│   "amountCents": 2490,\n');
  expect(stdout).toContain(`asked by        staff, in run ${runId}\n`);
  expect(stdout).toContain('The run was asked\n│ Refund order A-1001: it arrived damaged\n');
  expect(stdout).toMatch(/^untrusted text {2}was in the context: .*tool:look_up_order/m);
  expect(stdout).toMatch(/^amount {10}24\.90 EUR$/m);
  const [reject, others, end] = stdout.split('\n').slice(-3);
  expect(reject).toBe(`reject:  npx countersign approvals reject ${ulid} --as manager --reason "…"`);
  expect(others).toBe('or:      edit --args-file FILE, respond --text "…", delegate --to ID, cancel');
  expect(end).toBe('');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

it('show --json has the whole request', async () => {
  const { stdout } = await stack.run(['approvals', 'show', id, '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    id,
    runId,
    state: 'pending',
    args: { orderId: 'A-1001', amountCents: 2490 },
    request: {
      requester: 'staff',
      tool: 'refund_order',
      amount: { value: 2490, currency: 'EUR' },
      nonce: expect.stringMatching(/^[0-9a-f]{32}$/),
    },
  });
});

describe('wrong use, which decides nothing:', () => {
  const publicKey = (): string => {
    const { d: _, ...rest } = JSON.parse(readFileSync(keyFile('manager'), 'utf8')) as Record<string, string>;
    const path = stack.folder.file('public.json');
    writeFileSync(path, JSON.stringify(rest));
    return path;
  };
  it.each<[string, () => string[], string]>([
    ['an id that is none', () => ['show', '../../etc'], 'error: Not an approval id: ../../etc\n'],
    [
      'nobody to sign',
      () => ['approve', id],
      'error: Nobody to sign: --as or --key is missing\nhint: This stack has keys of',
    ],
    ['two signers', () => ['approve', id, '--as', 'manager', '--key', 'f'], 'error: Give --as or --key, not both\n'],
    [
      'an approver without a key',
      () => ['approve', id, '--as', 'customer'],
      'error: No development approver customer\n',
    ],
    [
      'a name that is a path',
      () => ['approve', id, '--as', '../assertion-private'],
      'error: No development approver ../assertion-private\n',
    ],
    ['a rejection without a reason', () => ['reject', id, '--as', 'manager'], 'error: A rejection needs a reason\n'],
    ['an edit without arguments', () => ['edit', id, '--as', 'manager'], 'error: Give --args or --args-file\n'],
    ['an edit twice', () => ['edit', id, '--args', '{}', '--args-file', 'f'], 'error: Give --args or --args-file\n'],
    ['an edit that is no JSON', () => ['edit', id, '--args', '{secret'], 'error: The arguments are not JSON\n'],
    [
      'an edit to what is no object',
      () => ['edit', id, '--args', '[1]', '--as', 'manager'],
      'error: An edit needs the arguments\n',
    ],
    ['an edit out of no file', () => ['edit', id, '--args-file', '/none.json'], 'error: Cannot read /none.json\n'],
    ['a response without a text', () => ['respond', id, '--as', 'manager'], 'error: A response needs a text\n'],
    [
      'a delegation to nobody',
      () => ['delegate', id, '--as', 'manager'],
      'error: A delegation needs somebody to delegate to\n',
    ],
    ['a way that there is not', () => ['approve', id, '--as', 'manager', '--via', 'mail'], 'error: Not a way: mail\n'],
    [
      'a key file that is not there',
      () => ['approve', id, '--key', '/none.json'],
      "error: Cannot read an approver's key",
    ],
    ['a public key', () => ['approve', id, '--key', publicKey()], "is not an approver's key"],
    ['a limit that is none', () => ['list', '--limit', '0'], 'error: Not a limit: 0\n'],
  ])('%s', async (_, args, message) => {
    const { code, stdout, stderr } = await stack.run(['approvals', ...args()]);
    expect(stderr).toContain(message);
    expect(stderr).toContain('\nhint: ');
    expect(stderr).not.toMatch(STACK_FRAME);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });

  it('--as outside of development', async () => {
    const env = { COUNTERSIGN_ENV: 'production' };
    const { code, stderr } = await stack.run(['approvals', 'approve', id, '--as', 'manager'], { env });
    expect(stderr).toContain(
      'error: --as manager works on a local development stack only\nhint: Name your private key',
    );
    expect(code).toBe(64);
  });
});

it('show and approve name an approval that there is not', async () => {
  for (const verb of [['show'], ['approve', '--as', 'manager']]) {
    const { code, stdout, stderr } = await stack.run(['approvals', ...verb, '01JDB3Z8Q4T5V6W7X8Y9Z0A1B2']);
    expect(stderr).toMatch(/^error: No approval 01JDB3Z8Q4T5V6W7X8Y9Z0A1B2\nhint: .*approvals list --all/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  }
});

it('whoever asked cannot approve, and the attempt is shown to the others', async () => {
  const { code, stderr } = await stack.run(['approvals', 'approve', id, '--as', 'staff']);
  expect(stderr).toMatch(
    new RegExp(`^error: The decision on ${id} does not count: whoever asked for the call cannot decide it\\.\nhint: `),
  );
  expect(code).toBe(1);
  await vi.waitFor(async () => {
    const { stdout } = await stack.run(['approvals', 'show', id]);
    expect(stdout).toMatch(/Turned away\n\S+ {2}decision-refused {2}is-requester {2}by update\n/);
  }, SOON);
});

it('approve with a key file decides it; a later decision is told how, by whom and when', async () => {
  const approved = await stack.run(['approvals', 'approve', ulid.toLowerCase(), '--key', keyFile('manager')]);
  expect(approved).toEqual({ code: 0, stdout: `approved ${id}\n`, stderr: '' });
  const shown = await vi.waitFor(async () => {
    const { stdout } = await stack.run(['approvals', 'show', id]);
    expect(stdout).toMatch(/^What was asked for\n/);
    return stdout;
  }, SOON);
  expect(shown).toMatch(/^approved {2}by manager {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC {2}key manager-[0-9a-f]{8}$/m);
  expect(shown).not.toContain('approvals approve');
  const { code, stderr } = await stack.run(['approvals', 'reject', id, '--as', 'supervisor', '--reason', 'wait']);
  expect(stderr).toMatch(new RegExp(`^error: Approval ${id} is decided already: approved by manager at \\S+Z\nhint: `));
  expect(code).toBe(1);
  expect(await stack.run(['approvals', 'list'])).toEqual({
    code: 0,
    stdout: '',
    stderr: 'nothing waits for a decision\n',
  });
  expect((await stack.run(['approvals', 'list', '--all'])).stdout).toMatch(/ approved by manager$/m);
});

it('a decision by signal is sent, and the run takes it', async () => {
  await stack.run(['agent', 'Refund order A-1006', '--detach']);
  const next = await vi.waitFor(async () => {
    const [first] = JSON.parse((await stack.run(['approvals', 'list', '--json'])).stdout) as ApprovalSummary[];
    if (first === undefined) throw new Error('nothing waits');
    return first;
  }, SOON);
  const args = ['approvals', 'approve', next.id, '--as', 'manager', '--via', 'signal'];
  const { code, stdout } = await stack.run(args);
  expect(stdout).toContain(`sent to the run: \`npx countersign approvals show ${next.id}\``);
  expect(code).toBe(0);
  await vi.waitFor(
    async () => expect((await stack.run(['approvals', 'show', next.id])).stdout).toContain('approved by manager'),
    SOON,
  );
});

it('edit asks anew, delegate to one who is asked anyway is refused, and respond ends it with a text', async () => {
  const started = await stack.run(['agent', 'Refund order A-1004: it arrived damaged', '--detach']);
  const other = started.stdout.trim();
  const waiting = async (not: string): Promise<ApprovalSummary> =>
    await vi.waitFor(async () => {
      const all = JSON.parse((await stack.run(['approvals', 'list', '--json'])).stdout) as ApprovalSummary[];
      const found = all.find((each) => each.runId === other && each.id !== not);
      if (found === undefined) throw new Error('nothing waits');
      return found;
    }, SOON);
  const first = await waiting('');
  const args = {
    ...(JSON.parse((await stack.run(['approvals', 'show', first.id, '--json'])).stdout) as { args: object }).args,
  };
  const file = stack.folder.file('changed.json');
  writeFileSync(file, JSON.stringify({ ...args, amountCents: 1000 }));
  expect(await stack.run(['approvals', 'edit', first.id, '--args-file', file, '--as', 'manager'])).toMatchObject({
    code: 0,
    stdout: `superseded ${first.id}\n`,
  });
  const second = await waiting(first.id);
  const { stdout } = await stack.run(['approvals', 'show', second.id]);
  expect(stdout).toContain('│   "amountCents": 1000,\n');
  expect(stdout).toMatch(new RegExp(`^in the place of +${first.id}: its arguments were changed$`, 'm'));
  const delegated = await stack.run(['approvals', 'delegate', second.id, '--to', 'supervisor', '--as', 'manager']);
  expect(delegated.stderr).toContain('does not count: nobody can decide there in the place of its approver.');
  expect(delegated.code).toBe(1);
  const text = ['--text', 'It was refunded by phone.'];
  expect(await stack.run(['approvals', 'respond', second.id, ...text, '--as', 'supervisor'])).toMatchObject({
    code: 0,
  });
  await vi.waitFor(async () => {
    const shown = await stack.run(['approvals', 'show', second.id]);
    expect(shown.stdout).toMatch(/^answered {2}by supervisor {2}[\d-]+ [\d:]+ UTC {2}key supervisor-/m);
  }, SOON);
});

it('no command of this file printed a private key or a password', () => {
  const secrets = ['staff', 'manager', 'supervisor'].map(
    (approver) => (JSON.parse(readFileSync(keyFile(approver), 'utf8')) as { d: string }).d,
  );
  expect(secrets.every((secret) => secret.length > 20)).toBe(true);
  for (const secret of [...secrets, ...stack.passwords()]) expect(stack.printed()).not.toContain(secret);
});
