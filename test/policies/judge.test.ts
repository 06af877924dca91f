// Verdicts of the access policy as it is shipped, and of small ones beside it.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Question } from '../../policies/judge.ts';
import { judge } from '../../policies/judge.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import type { Principal } from '../../workflows/protocol/index.ts';
import { anonymous } from '../../workflows/protocol/index.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const policy = loadAccessPolicy('policies');

const customer: Principal = { ...anonymous('default'), id: 'ada', groups: ['customers'] };
const operator: Principal = { ...anonymous('default'), id: 'otto', groups: ['staff'], roles: ['operator'] };

const asking = (principal: Principal, tenant = 'default'): Question => ({
  principal,
  action: 'ask',
  resource: { type: 'Release', id: 'support_refund_answer@1.4.0' },
  context: { workflow: 'answer', detected: [] },
  attributes: { tenant, risk: 'low', name: 'support_refund_answer' },
});
const ingesting = (principal: Principal, tenant = 'default'): Question => ({
  principal,
  action: 'ingest',
  resource: { type: 'Collection', id: 'refund-policy-docs' },
  context: { workflow: 'ingest' },
  attributes: { tenant },
});

function policyOf(text: string): ReturnType<typeof loadAccessPolicy> {
  const folder = mkdtempSync(join(temp.path, 'policies-'));
  writeFileSync(join(folder, 'schema.cedarschema'), readFileSync('policies/schema.cedarschema'));
  writeFileSync(join(folder, 'risk-classes.yaml'), readFileSync('policies/risk-classes.yaml'));
  writeFileSync(join(folder, 'access.cedar'), text);
  return loadAccessPolicy(folder);
}

describe('the shipped policy', () => {
  it('allows a customer to ask, and names the rule, the policy and the facts', () => {
    const question = asking(customer);
    expect(judge(policy, question)).toEqual({
      v: 1,
      decision: 'allow',
      rules: ['customers-and-staff-may-ask'],
      policyDigest: policy.digest,
      facts: {
        principal: customer,
        action: 'ask',
        resource: question.resource,
        context: question.context,
      },
    });
  });

  it('allows staff to ask by another group of the same rule', () => {
    expect(judge(policy, asking({ ...customer, groups: ['staff'] })).decision).toBe('allow');
  });

  it('denies whom no rule permits, and has no rules to name then', () => {
    const verdict = judge(policy, asking(anonymous('default')));
    expect(verdict).toMatchObject({ decision: 'deny', rules: [] });
  });

  it('denies somebody whose own id is the name of a group', () => {
    expect(judge(policy, asking({ ...anonymous('default'), id: 'customers' })).decision).toBe('deny');
  });

  it('denies a role that is named like the group', () => {
    expect(judge(policy, asking({ ...anonymous('default'), roles: ['customers'] })).decision).toBe('deny');
  });

  it('denies a suspended customer by the forbid, which alone is named', () => {
    const verdict = judge(policy, asking({ ...customer, groups: ['customers', 'suspended'] }));
    expect(verdict).toMatchObject({ decision: 'deny', rules: ['suspended-accounts-may-not-do-anything'] });
  });

  it("denies a customer of one tenant another tenant's release", () => {
    expect(judge(policy, asking({ ...customer, tenant: 'acme' })).decision).toBe('deny');
    expect(judge(policy, asking({ ...customer, tenant: 'acme' }, 'acme')).decision).toBe('allow');
  });

  it('allows operators alone to ingest, in their tenant', () => {
    expect(judge(policy, ingesting(operator))).toMatchObject({ decision: 'allow', rules: ['operators-may-ingest'] });
    expect(judge(policy, ingesting({ ...operator, roles: [] }))).toMatchObject({ decision: 'deny', rules: [] });
    expect(judge(policy, ingesting(operator, 'acme')).decision).toBe('deny');
  });

  it('denies a suspended operator', () => {
    expect(judge(policy, ingesting({ ...operator, groups: ['suspended'] })).decision).toBe('deny');
  });
});

describe('judging', () => {
  it.each([
    [
      'a context field that the schema lacks',
      { ...asking(customer), context: { workflow: 'answer', detected: [], amount: 5 } },
    ],
    ['a context field of another type', { ...asking(customer), context: { workflow: 7, detected: [] } }],
    ['a context without a required field', { ...asking(customer), context: {} }],
    ['an action that the schema lacks', { ...asking(customer), action: 'approve' as const }],
    ['an action on a resource it does not apply to', { ...ingesting(operator), action: 'ask' as const }],
    [
      'a resource without its tenant',
      { ...asking(customer), attributes: { risk: 'low', name: 'support_refund_answer' } },
    ],
  ])('is an error, not a verdict, for %s', (_, question) => {
    expect(() => judge(policy, question)).toThrow(/^Cedar cannot judge /);
  });

  it('denies when a rule cannot be evaluated, because that could have been a forbid', () => {
    const overflow = `@id("all") permit (principal, action, resource);
      @id("overflows") forbid (principal, action, resource)
      when { principal.clearance + 9223372036854775807 > 0 && 9223372036854775807 + principal.clearance > 0 };`;
    const strict = policyOf(overflow);
    expect(judge(strict, asking({ ...customer, clearance: 'restricted' })).decision).toBe('deny');
  });

  it.each(['__proto__', 'constructor'])('heeds a forbid that is named %s', (name) => {
    const strict = policyOf(
      `@id("all") permit (principal, action, resource);\n@id("${name}") forbid (principal, action, resource);`,
    );
    expect(judge(strict, asking(customer))).toMatchObject({ decision: 'deny', rules: [name] });
  });

  it('gives clearance to rules as a number that grows', () => {
    const cleared = policyOf('@id("cleared") permit (principal, action, resource) when { principal.clearance >= 2 };');
    const decisions = (['public', 'internal', 'confidential', 'restricted'] as const).map(
      (clearance) => judge(cleared, asking({ ...customer, clearance })).decision,
    );
    expect(decisions).toEqual(['deny', 'deny', 'allow', 'allow']);
  });

  it('names all rules that permit, in order of their names', () => {
    const names = ['d', 'a', 'f', 'c', 'e', 'b'];
    const all = policyOf(names.map((name) => `@id("${name}") permit (principal, action, resource);`).join('\n'));
    expect(judge(all, asking(customer)).rules).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('keeps policies apart that are loaded beside each other', () => {
    const open = policyOf('@id("all") permit (principal, action, resource);');
    expect(judge(open, asking(anonymous('default'))).decision).toBe('allow');
    expect(judge(policy, asking(anonymous('default'))).decision).toBe('deny');
    expect(judge(open, asking(anonymous('default'))).policyDigest).toBe(open.digest);
  });

  it('tells questions apart that differ in one group, one attribute or the policy set, however often they are asked', () => {
    const open = policyOf('@id("all") permit (principal, action, resource);');
    const suspended = { ...customer, groups: [...customer.groups, 'suspended'] };
    for (let i = 0; i < 3; i++) {
      expect(judge(policy, asking(customer)).decision).toBe('allow');
      expect(judge(policy, asking(suspended)).decision).toBe('deny');
      const elsewhere = { ...asking(customer), attributes: { ...asking(customer).attributes, tenant: 'acme' } };
      expect(judge(policy, elsewhere).decision).toBe('deny');
      expect(judge(open, asking(suspended)).decision).toBe('allow');
    }
  });

  it('gives the same request the same verdict', () => {
    const question = asking({ ...customer, groups: ['customers', 'staff', 'suspended'] });
    const first = JSON.stringify(judge(policy, question));
    for (let i = 0; i < 50; i++) expect(JSON.stringify(judge(policy, question))).toBe(first);
  });

  it('takes at most half a millisecond, in the median of 2,000', () => {
    // Somebody else each time: the answer to a question that was asked before is kept.
    const question = (i: number) => asking({ ...customer, id: `c${i}`, groups: ['customers', 'beta', 'newsletter'] });
    for (let i = 0; i < 500; i++) judge(policy, question(i));
    const tookMs = Array.from({ length: 2_000 }, (_, i) => {
      const asked = question(1_000 + i);
      const started = performance.now();
      judge(policy, asked);
      return performance.now() - started;
    });
    const median = tookMs.sort((a, b) => a - b)[1_000] ?? Number.POSITIVE_INFINITY;
    expect(median).toBeLessThanOrEqual(0.5);
  });
});
