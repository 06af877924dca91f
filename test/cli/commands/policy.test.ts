// `countersign policy` as people run it: validate, test and explain without a stack; deny-now, denials and lift on a running one.
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countersign, STACK_FRAME, useStack } from '../../support/stack.ts';

const stack = useStack();
const access = readFileSync('policies/access.cedar', 'utf8');
const FILES = ['schema.cedarschema', 'risk-classes.yaml', 'development-identities.yaml', 'cases.yaml'];

function folderOf(text: string): string {
  const folder = mkdtempSync(join(stack.folder.path, 'policies-'));
  for (const name of FILES) copyFileSync(`policies/${name}`, join(folder, name));
  writeFileSync(join(folder, 'access.cedar'), text);
  return folder;
}
const policy = async (...args: readonly string[]) => await countersign(['policy', ...args]);

describe('policy validate', () => {
  it('says that the shipped policies are valid, and their digest', async () => {
    const { code, stdout } = await policy('validate');
    expect(stdout).toMatch(/^valid: 17 policies, 4 of them ask for an approval\ndigest sha256:[0-9a-f]{64}\n$/);
    expect(code).toBe(0);
    expect(JSON.parse((await policy('validate', '--json')).stdout)).toMatchObject({ valid: true });
  });

  it('names file and line of each slip, and what could stand there', async () => {
    const broken = access
      .replace('Group::"suspended"', 'Team::"suspended"')
      .replace('!context.repeated', '!context.repetad');
    const line = (needle: string): number => broken.slice(0, broken.indexOf(needle)).split('\n').length;
    const folder = folderOf(broken);
    const { code, stdout, stderr } = await policy('validate', '--policies', folder);
    expect(stderr).toContain(
      `${folder}/access.cedar:${line('context.repetad')}: policy low-risk-tools-run-at-once: attribute \`repetad\` in context for`,
    );
    expect(stderr).toContain(
      `${folder}/access.cedar:${line('Team::"')}: policy suspended-accounts-may-not-do-anything: unrecognized entity type \`Team\``,
    );
    expect(stderr).toContain(
      'hint: The context of call_tool has: acted, amount, approved, compensates, currency, origins,',
    );
    expect(stderr).toContain('Entities are: Collection, Group, Model, Principal, Release, Role, Tool.');
    expect(stderr).not.toMatch(STACK_FRAME);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });
});

describe('policy test', () => {
  it('exits 0 when every case is as expected', async () => {
    expect(await policy('test')).toMatchObject({ code: 0, stdout: '42 of 42 cases as expected\n' });
  });

  it('prints those that differ, and exits 1', async () => {
    const folder = folderOf(access.replace('principal in Role::"operator"', 'principal'));
    const { code, stdout } = await policy('test', '--policies', folder);
    expect(stdout).toBe(
      'differs  only operators ingest: expected deny, got allow by operators-may-ingest\n41 of 42 cases as expected\n',
    );
    expect(code).toBe(1);
  });

  it('exits 1 for a file that is not there', async () => {
    const { code, stderr } = await policy('test', '/nowhere.yaml');
    expect(stderr).toContain('Cannot read the cases in /nowhere.yaml');
    expect(code).toBe(1);
  });
});

describe('policy explain', () => {
  it('says who, what, why, and where the rule stands', async () => {
    const question = ['--as', 'staff', '--action', 'call_tool', '--resource', 'refund_order', '--set', 'risk=critical'];
    const { code, stdout } = await policy('explain', ...question);
    const line = access.slice(0, access.indexOf('@id("critical-tools-run-when-two-approved")')).split('\n').length;
    expect(stdout).toContain('allowed with an approval: staff, call_tool refund_order\n');
    expect(stdout).toContain('who     staff of tenant default: staff; clearance internal\n');
    expect(stdout).toContain(`why     critical-tools-run-when-two-approved, policies/access.cedar:${line}\n`);
    expect(stdout).toContain('asks    2 of refund-approvers, within 24 hours; to be used within 72 hours\n');
    expect(code).toBe(0);
  });

  it('says when the rule of two asks although a permit lets a call through', async () => {
    const question = ['--as', 'staff', '--action', 'call_tool', '--resource', 'look_up_order', '--set', 'risk=low'];
    const flags = ['--set', 'saw_untrusted=true', '--set', 'reached_sensitive=true'];
    const { stdout } = await policy('explain', ...question, ...flags);
    expect(stdout).toContain('allowed with an approval: staff, call_tool look_up_order\n');
    expect(stdout).toContain('why     rule-of-two: untrusted text, sensitive data and an act in one run');
    expect(stdout).toContain('asks    1 of refund-approvers');
    const reading = ['--set', 'reads=internal', '--set', 'acts=false'];
    expect((await policy('explain', ...question, ...flags, ...reading)).stdout).toContain('allowed: staff');
  });

  it('names the permits that do not apply to a denial by default', async () => {
    const who = ['--principal', '{ id: eve, groups: [visitors] }'];
    const { stdout } = await policy('explain', ...who, '--action', 'ask', '--resource', 'r@1.0.0');
    expect(stdout).toContain('denied: eve, ask r@1.0.0\n');
    expect(stdout).toMatch(
      /why {5}no permit applies. Those for ask are:\n {10}customers-and-staff-may-ask, policies\/access.cedar:\d+\n/,
    );
  });

  it.each([
    [['--as', 'staff', '--action', 'fly', '--resource', 'r'], 'The question: action: '],
    [['--as', 'staff', '--action', 'call_tool', '--resource', 't', '--set', 'risk'], 'Not name=value: risk'],
    [['--action', 'ask', '--resource', 'r@1.0.0'], 'says neither who asks nor as whom'],
  ])('exits 64 for %j', async (args, says) => {
    const { code, stderr } = await policy('explain', ...args);
    expect(stderr).toContain(says);
    expect(code).toBe(64);
  });
});

describe('policy deny-now', () => {
  const WHY = ['--reason', 'INC-7', '--by', 'ada'];
  const ask = async (): Promise<{ kind: string; message?: string }> => {
    const asked = await stack.run(['ask', 'How long is a gift card valid?', '--as', 'customer', '--json']);
    return JSON.parse(asked.stdout);
  };

  it('takes a release out of use at once, is listed, and is lifted', async () => {
    await stack.run(['ingest', 'examples/knowledge-base/refund-policy', '--collection', 'refund-policy-docs']);
    expect(await ask()).toMatchObject({ kind: 'answered' });
    const denied = await stack.run(['policy', 'deny-now', '--release', 'support_refund_answer@dev', ...WHY]);
    const [, id = ''] =
      /^release support_refund_answer@1\.4\.0 is denied from now on: deny-now:(\w+)$/m.exec(denied.stdout) ?? [];
    expect(id).not.toBe('');
    expect(await ask()).toMatchObject({ kind: 'refused', message: `You may not ask here (deny-now:${id}).` });

    const listed = await stack.run(['policy', 'denials']);
    expect(listed.stdout).toMatch(new RegExp(`^${id} +release support_refund_answer@1.4.0 +ada +.* INC-7$`, 'm'));
    const lifted = await stack.run(['policy', 'lift', `deny-now:${id}`, '--reason', 'solved', '--by', 'bob']);
    expect(lifted).toMatchObject({ code: 0, stdout: `lifted ${id}\n` });
    expect(await ask()).toMatchObject({ kind: 'answered' });
    expect((await stack.run(['policy', 'denials'])).stderr).toContain('nothing is denied');
    expect((await stack.run(['policy', 'denials', '--all'])).stdout).toContain('INC-7; lifted by bob: solved');
  });

  it('of what nobody knows denies nothing, and says what there is', async () => {
    const { code, stderr } = await stack.run(['policy', 'deny-now', '--tool', 'refnd_order', ...WHY]);
    expect(stderr).toContain('No tool refnd_order in the releases of tenant default: nothing was denied');
    expect(stderr).toContain('There are: look_up_order, refund_order, search_policy, send_email.');
    expect(code).toBe(1);
  });

  it.each([[[]], [['--tool', 'a', '--release', 'b']]])('of %j is wrong use', async (args) => {
    const { code, stderr } = await stack.run(['policy', 'deny-now', ...args, ...WHY]);
    expect(stderr).toContain('Name one of --tool, --release and --principal');
    expect(code).toBe(64);
  });
});
