// Cases: the shipped ones hold, one for each action; a policy that was loosened is found; slips in a file say where.
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCases } from '../../policies/cases.ts';
import { differenceOf, judgeCase } from '../../policies/judge-case.ts';
import type { AccessPolicy } from '../../policies/load.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const access = readFileSync('policies/access.cedar', 'utf8');
const ACTIONS = [
  'ask',
  'ingest',
  'retrieve',
  'send_to_model',
  'call_tool',
  'approve',
  'answer',
  'extend_budget',
  'release',
];

function policyOf(text: string): AccessPolicy {
  const folder = mkdtempSync(join(temp.path, 'policies-'));
  for (const name of ['schema.cedarschema', 'risk-classes.yaml']) copyFileSync(`policies/${name}`, join(folder, name));
  writeFileSync(join(folder, 'access.cedar'), text);
  return loadAccessPolicy(folder);
}

function casesOf(text: string): ReturnType<typeof readCases> {
  const file = temp.file('cases.yaml');
  writeFileSync(file, text);
  return readCases(file, 'policies');
}

const differing = (policy: AccessPolicy): readonly string[] =>
  readCases('policies/cases.yaml', 'policies').flatMap((each) => {
    const difference = differenceOf(each, judgeCase(policy, each));
    return difference === undefined ? [] : [`${each.name}: ${difference}`];
  });

describe('the shipped cases', () => {
  it('hold for the shipped policies, and have each action', () => {
    expect(differing(loadAccessPolicy('policies'))).toEqual([]);
    const actions = readCases('policies/cases.yaml', 'policies').map(({ asked }) => asked.action);
    expect([...new Set(actions)].sort()).toEqual([...ACTIONS].sort());
  });

  it.each([
    [
      'resource.remote && context.sensitivity >= 2',
      'resource.remote && context.sensitivity >= 3',
      'confidential text may not: expected deny, got deny by risk-class',
      false,
    ],
    [
      'principal in Role::"operator",\n  action == Action::"ingest"',
      'principal,\n  action == Action::"ingest"',
      'only operators ingest: expected deny, got allow by operators-may-ingest',
      true,
    ],
    ['@quorum("2")', '@quorum("1")', '', false],
    [
      '@groups("refund-approvers")\n@quorum("1")',
      '@groups("everybody")\n@quorum("1")',
      'a refund waits for a person: expected approval by 1 of refund-approvers, got approval by 1 of everybody by tools-run-when-approved',
      true,
    ],
    [
      'context.amount < 10000',
      'context.amount <= 10000',
      'one of exactly 100 EUR waits for two: expected approval by 2 of refund-approvers, got approval by 1 of refund-approvers by tools-run-when-approved',
      true,
    ],
    [
      'context.currency == "EUR"',
      'context.currency != "USD"',
      'in another currency a small number is not small: expected approval by 2 of refund-approvers, got approval by 1 of refund-approvers by tools-run-when-approved',
      true,
    ],
  ])('find a policy that was loosened: %s', (from, to, says, found) => {
    expect(access).toContain(from);
    const differences = differing(policyOf(access.replace(from, to)));
    if (found) expect(differences).toContain(says);
    else expect(differences).not.toContain(says);
  });
});

describe('a file of cases', () => {
  const one = (body: string): string => `v: 1\ncases:\n  - name: mine\n    ${body.replaceAll('\n', '\n    ')}\n`;
  const good = 'as: staff\naction: ask\nresource: { id: r@1.0.0 }\nexpect: allow';

  it('fills in what a case does not say', () => {
    expect(casesOf(one(good))).toEqual([
      {
        name: 'mine',
        expect: 'allow',
        principal: { id: 'staff', tenant: 'default', groups: ['staff'], roles: [], clearance: 'internal' },
        tenant: 'default',
        asked: {
          action: 'ask',
          resource: { id: 'r@1.0.0', risk: 'low' },
          context: { workflow: 'answer', detected: [] },
        },
      },
    ]);
  });

  it.each([
    ['an unknown field', `${good}\nexpected: deny`, 'case 1 (mine): unknown expected'],
    ['an unknown action', good.replace('ask', 'asks'), 'case 1 (mine): action: '],
    [
      'an expectation that is none',
      good.replace('allow', 'maybe'),
      'expect: expected allow, deny, { mask: [kinds] }, or { approval: [groups]',
    ],
    ['nobody who asks', good.replace('as: staff\n', ''), 'says neither who asks nor as whom'],
    ['two who ask', `${good}\nprincipal: { id: x }`, 'says both as and principal'],
    ['an unknown identity', good.replace('staff', 'nobody-we-know'), 'No development identity nobody-we-know'],
    [
      'a context that the action has not',
      `${good}\ncontext: { approved: true }`,
      'context: Unrecognized key: "approved"',
    ],
    ...['-1', '0.5', 'many', '9007199254740992'].map((amount): [string, string, string] => [
      `the amount ${amount}`,
      `as: staff\naction: call_tool\nresource: { id: t, risk: low }\ncontext: { amount: ${amount} }\nexpect: allow`,
      'context.amount: ',
    ]),
    [
      'a currency that is none',
      'as: staff\naction: approve\nresource: { id: t, risk: low }\ncontext: { amount: 1, currency: eur }\nexpect: allow',
      'context.currency: expected a currency such as EUR',
    ],
    ['a tool without its risk', 'as: staff\naction: call_tool\nresource: { id: t }\nexpect: allow', 'resource.risk: '],
  ])('says where there is %s', (_, body, says) => {
    expect(() => casesOf(one(body))).toThrow(says);
  });

  it('says that rules differ, where a case names them', () => {
    const [each] = casesOf(one(`${good}\nrules: [another-rule]`));
    if (each === undefined) throw new Error('no case');
    expect(differenceOf(each, judgeCase(loadAccessPolicy('policies'), each))).toBe(
      'expected allow by another-rule, got it by customers-and-staff-may-ask',
    );
  });
});
