// Risk classes: what loads, and what they make of demands and of model calls. They only ever tighten.
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { judgeCall } from '../../policies/judge-call.ts';
import { judgeModel } from '../../policies/judge-model.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import type { RiskClasses } from '../../policies/risk-classes.ts';
import { allowsModel, loadRiskClasses, withClasses } from '../../policies/risk-classes.ts';
import type { ApprovalDemand, Principal, Risk, Sensitivity } from '../../workflows/protocol/index.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const SHIPPED = 'policies/risk-classes.yaml';
const shipped = readFileSync(SHIPPED, 'utf8');
const classes = loadRiskClasses(SHIPPED);
const policy = loadAccessPolicy('policies');
const staff: Principal = { id: 'sam', tenant: 'default', groups: ['staff'], roles: [], clearance: 'internal' };

function load(text: string): RiskClasses {
  const path = temp.file('risk-classes.yaml');
  writeFileSync(path, text);
  return loadRiskClasses(path);
}

describe('the risk classes', () => {
  it('that ship demand more from one class to the next', () => {
    const list = [classes.low, classes.medium, classes.high, classes.critical];
    expect(list.map((each) => each.eval_cases)).toEqual([0, 0, 5, 20]);
    expect(list.map((each) => each.calls.quorum)).toEqual([1, 1, 1, 2]);
    expect(list.map((each) => each.audit)).toEqual(['trace', 'trace', 'evidence', 'evidence']);
  });

  it.each<[string, (text: string) => string, string]>([
    ['a class missing', (text) => text.replace(/ {2}medium:[\s\S]*? {2}high:/, '  high:'), 'classes.medium: '],
    ['a field that is none', (text) => text.replace('eval_cases: 5', 'eval_case: 5'), 'classes.high'],
    ['a number that is none', (text) => text.replace('eval_cases: 5', 'eval_cases: many'), 'classes.high.eval_cases: '],
    [
      'an unknown sensitivity',
      (text) => text.replace('max_sensitivity: confidential', 'max_sensitivity: secret'),
      'classes.medium.max_sensitivity: ',
    ],
    [
      'one person for what is critical',
      (text) => text.replace('quorum: 2', 'quorum: 1'),
      'classes.critical.calls.quorum: at least 2',
    ],
    [
      'nobody to ask where people are always asked',
      (text) => text.replace(', groups: [refund-approvers]', ''),
      'classes.critical.calls.groups: says who is asked',
    ],
    ['another version', (text) => text.replace('v: 1', 'v: 2'), 'v: '],
    ['text that is no YAML', () => 'v: [', 'Cannot read the risk classes'],
  ])('do not load with %s', (_, change, says) => {
    const changed = change(shipped);
    expect(changed).not.toBe(shipped);
    expect(() => load(changed)).toThrow(says);
    expect(() => load(changed)).toThrow('risk-classes.yaml');
  });

  it.each([
    ['*', 'local/m', true],
    ['local/*', 'local/m', true],
    ['local/*', 'openai-compatible/local/m', false],
    ['openai-compatible/big', 'openai-compatible/bigger', false],
    ['openai-compatible/gpt-5.1', 'openai-compatible/gpt-5x1', false],
    ['*/big', 'openai-compatible/big', true],
  ])('say by %s that %s is allowed: %s', (pattern, model, allowed) => {
    expect(allowsModel({ ...classes.low, models: [pattern] }, model)).toBe(allowed);
  });
});

describe('a demand', () => {
  const asked = (n: number): ApprovalDemand => ({
    quorum: { n, groups: ['finance'] },
    expiresAfterMs: 1,
    useWithinMs: 2,
  });
  it.each<[number, Risk, Risk, number, readonly string[]]>([
    [1, 'high', 'high', 1, []],
    [1, 'critical', 'low', 2, ['risk-class:critical']],
    [1, 'low', 'critical', 2, ['risk-class:critical']],
    [2, 'critical', 'critical', 2, []],
    [5, 'critical', 'critical', 5, []],
  ])('of %i for a %s tool in a %s release becomes one of %i', (n, tool, release, quorum, rules) => {
    expect(withClasses(classes, { tool, release }, asked(n))).toEqual({
      demand: { ...asked(n), quorum: { n: quorum, groups: ['finance'] } },
      rules,
    });
  });

  it('is made for a critical tool that the policies would let through at once, and for no other', () => {
    expect(withClasses(classes, { tool: 'critical', release: 'low' }, undefined)).toMatchObject({
      demand: { quorum: { n: 2, groups: ['refund-approvers'] } },
      rules: ['risk-class:critical'],
    });
    for (const tool of ['low', 'medium', 'high'] as const) {
      expect(withClasses(classes, { tool, release: 'critical' }, undefined).demand).toBeUndefined();
    }
  });

  it('of two reaches the verdict, whatever the policies say', () => {
    const trust = {
      sawUntrusted: false,
      reachedSensitive: false,
      acted: false,
      sensitivity: 'public',
      origins: [],
      untrustedArguments: 0,
      repeated: false,
    } as const;
    const question = { principal: staff, tenant: 'default', requestType: 'agent', trust };
    const open = { ...policy, ...openPolicy() };
    const tool = { name: 'wipe', risk: 'critical', idempotent: true } as const;
    const release = { name: 'r', version: '1.0.0', risk: 'low' } as const;
    expect(judgeCall(open, { ...question, tool, release })).toMatchObject({
      decision: 'allow-with',
      rules: ['all', 'risk-class:critical'],
      approval: { quorum: { n: 2, groups: ['refund-approvers'] } },
    });
    expect(judgeCall(open, { ...question, tool: { ...tool, risk: 'high' }, release }).decision).toBe('allow');
  });
});

function openPolicy(): ReturnType<typeof loadAccessPolicy> {
  for (const name of ['schema.cedarschema', 'risk-classes.yaml']) {
    writeFileSync(temp.file(name), readFileSync(`policies/${name}`));
  }
  writeFileSync(temp.file('access.cedar'), '@id("all") permit (principal, action, resource);');
  return loadAccessPolicy(temp.path);
}

describe('a model call', () => {
  const judged = (risk: Risk, sensitivity: Sensitivity, models: readonly string[] = ['*']) => {
    const own = { ...policy, riskClasses: { ...classes, [risk]: { ...classes[risk], models: [...models] } } };
    return judgeModel(own, {
      principal: staff,
      tenant: 'default',
      requestType: 'answer',
      release: { name: 'r', version: '1.0.0', risk },
      model: { name: 'm', provider: 'local' },
      sensitivity,
      origins: ['retrieval'],
      sawUntrusted: true,
    });
  };
  it.each<[Risk, Sensitivity, boolean]>([
    ['low', 'internal', true],
    ['low', 'confidential', false],
    ['medium', 'confidential', true],
    ['medium', 'restricted', false],
    ['critical', 'restricted', true],
  ])('of a %s release with %s text is let through: %s', (risk, sensitivity, allowed) => {
    expect(judged(risk, sensitivity)).toMatchObject(
      allowed
        ? { decision: 'allow', rules: ['requests-may-go-to-models'] }
        : { decision: 'deny', rules: [`risk-class:${risk}`] },
    );
  });

  it('to a model that the class does not allow any more is denied', () => {
    expect(judged('high', 'public', ['openai-compatible/*'])).toMatchObject({
      decision: 'deny',
      rules: ['risk-class:high'],
    });
    expect(judged('high', 'public', ['openai-compatible/*', 'local/m']).decision).toBe('allow');
  });
});
