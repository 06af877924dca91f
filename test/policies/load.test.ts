// Loading access policies: what loads has ids and a digest; what does not load says where and what to do.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadAccessPolicy } from '../../policies/load.ts';
import { UserError } from '../../runtime/errors.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const schema = readFileSync('policies/schema.cedarschema', 'utf8');
const classes = readFileSync('policies/risk-classes.yaml', 'utf8');
const access = readFileSync('policies/access.cedar', 'utf8');
const budgets = readFileSync('policies/budgets.yaml', 'utf8');

interface Files {
  readonly schema?: string | null;
  readonly access?: string | null;
  readonly classes?: string | null;
  readonly budgets?: string | null;
}

function folderOf(files: Files): string {
  const folder = mkdtempSync(join(temp.path, 'policies-'));
  const texts = { 'schema.cedarschema': files.schema ?? schema, 'access.cedar': files.access ?? access };
  if (files.schema !== null) writeFileSync(join(folder, 'schema.cedarschema'), texts['schema.cedarschema']);
  if (files.classes !== null) writeFileSync(join(folder, 'risk-classes.yaml'), files.classes ?? classes);
  if (files.budgets !== null) writeFileSync(join(folder, 'budgets.yaml'), files.budgets ?? budgets);
  if (files.access !== null) writeFileSync(join(folder, 'access.cedar'), texts['access.cedar']);
  return folder;
}

function problemOf(files: Files): { readonly error: UserError; readonly folder: string } {
  const folder = folderOf(files);
  try {
    loadAccessPolicy(folder);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return { error: error as UserError, folder };
  }
  throw new Error('the policies loaded');
}

describe('budgets', () => {
  const all = (body: string): string => `v: 1\nbudgets:\n  - ${body}\n`;
  it('are part of the digest, and there need be none', () => {
    const without = loadAccessPolicy(folderOf({ budgets: null }));
    expect(without.dayBudgets).toEqual([]);
    const one = loadAccessPolicy(folderOf({ budgets: all('{ name: a, per: principal, tokens: { hard: 5 } }') }));
    expect(one.dayBudgets).toEqual([{ name: 'a', per: 'principal', tokens: { hard: 5 } }]);
    expect(one.digest).not.toBe(without.digest);
  });

  it.each([
    [
      'a soft limit that is not less',
      '{ name: a, per: principal, tokens: { soft: 5, hard: 5 } }',
      'budgets.0.tokens.soft: expected less than hard',
    ],
    ['nothing that is limited', '{ name: a, per: principal }', 'budgets.0: limits nothing'],
    ['no hard limit', '{ name: a, per: principal, cost_usd: { soft: 5 } }', 'budgets.0.cost_usd.hard: '],
    ['half a token', '{ name: a, per: principal, tokens: { hard: 0.5 } }', 'budgets.0.tokens.hard: '],
    ['another field', '{ name: a, per: principal, tokens: { hard: 5 }, each: day }', 'budgets.0: '],
    [
      'one name twice',
      '{ name: a, per: principal, tokens: { hard: 5 } }\n  - { name: a, per: principal, tokens: { hard: 6 } }',
      'two budgets have one name',
    ],
    ['no YAML', '{', 'Cannot read the budgets in'],
  ])('with %s name file and field', (_, body, message) => {
    const { error, folder } = problemOf({ budgets: all(body) });
    expect(error.message).toContain(join(folder, 'budgets.yaml'));
    expect(error.message).toContain(message);
    expect(error.hint).toContain('docs/policies.md');
  });
});

describe('policies that load', () => {
  it('are known by their @id, in the order of the file', () => {
    expect(loadAccessPolicy('policies').ids).toEqual([
      'customers-and-staff-may-ask',
      'operators-may-ingest',
      'customers-and-staff-may-search',
      'requests-may-go-to-models',
      'sensitive-values-are-masked',
      'confidential-text-stays-here',
      'publishers-may-release',
      'low-risk-tools-run-at-once',
      'compensations-up-to-medium-risk-run-at-once',
      'tools-run-when-approved',
      'critical-tools-run-when-two-approved',
      'large-refunds-run-when-two-approved',
      'whoever-is-asked-may-approve',
      'whoever-is-asked-may-answer',
      'budgets-are-extended-when-approved',
      'anonymous-may-use-low-risk-tools-only',
      'suspended-accounts-may-not-do-anything',
    ]);
  });

  it('have one digest, wherever they stand', () => {
    const { digest } = loadAccessPolicy('policies');
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(loadAccessPolicy(folderOf({})).digest).toBe(digest);
  });

  it('have another digest when one condition changes', () => {
    const { digest } = loadAccessPolicy('policies');
    const changed = access.replace('Group::"customers" ||', 'Group::"visitors" ||');
    expect(changed).not.toBe(access);
    expect(loadAccessPolicy(folderOf({ access: changed })).digest).not.toBe(digest);
  });

  it('have another digest when only an annotation changes', () => {
    const { digest } = loadAccessPolicy('policies');
    const changed = access.replace('@groups("refund-approvers")', '@groups("everybody")');
    expect(changed).not.toBe(access);
    expect(loadAccessPolicy(folderOf({ access: changed })).digest).not.toBe(digest);
  });

  it('have another digest when only a risk class changes', () => {
    const { digest } = loadAccessPolicy('policies');
    const changed = classes.replace('eval_cases: 20', 'eval_cases: 21');
    expect(changed).not.toBe(classes);
    expect(loadAccessPolicy(folderOf({ classes: changed })).digest).not.toBe(digest);
  });

  it('have another digest when the schema changes', () => {
    const { digest } = loadAccessPolicy('policies');
    const changed = schema.replace('risk: String,', 'risk: String,\n  owner?: String,');
    expect(changed).not.toBe(schema);
    expect(loadAccessPolicy(folderOf({ schema: changed })).digest).not.toBe(digest);
  });
});

describe('policies that do not load', () => {
  it('name file and line of a syntax error', () => {
    const broken = access.replace('forbid (', 'forbid )');
    const line = broken.slice(0, broken.indexOf('forbid )')).split('\n').length;
    const { error, folder } = problemOf({ access: broken });
    expect(error.message).toContain(`${join(folder, 'access.cedar')}:${line}: `);
  });

  it('name a policy that has the name of a rule of the engine', () => {
    const named = access.replace('@id("low-risk-tools-run-at-once")', '@id("rule-of-two")');
    expect(problemOf({ access: named }).error.message).toContain(
      '@id("rule-of-two") is the name of a rule of the engine',
    );
  });

  it('name the line also after letters that take several bytes', () => {
    const broken = `// ${'é€😀'.repeat(50)}\n\n\n${access.replace('forbid (', 'forbid )')}`;
    const line = broken.slice(0, broken.indexOf('forbid )')).split('\n').length;
    const { error, folder } = problemOf({ access: broken });
    expect(error.message).toContain(`${join(folder, 'access.cedar')}:${line}: `);
  });

  it('name file and line of a syntax error in the schema', () => {
    const broken = schema.replace('entity Role;', 'entity Role');
    const { error, folder } = problemOf({ schema: broken });
    expect(error.message).toMatch(/:\d+: /);
    expect(error.message).toContain(join(folder, 'schema.cedarschema'));
  });

  it('name the policy that speaks of an entity the schema lacks, and what to do', () => {
    const { error, folder } = problemOf({ access: access.replace('Group::"suspended"', 'Team::"suspended"') });
    expect(error.message).toContain('suspended-accounts-may-not-do-anything');
    expect(error.message).toContain('Team');
    expect(error.message).toContain(join(folder, 'access.cedar'));
    expect(error.hint).toContain(join(folder, 'schema.cedarschema'));
  });

  it('name the policy that speaks of an action the schema lacks, and what to do', () => {
    const { error, folder } = problemOf({ access: access.replace('Action::"ingest"', 'Action::"ingets"') });
    expect(error.message).toContain('operators-may-ingest');
    expect(error.message).toContain('ingets');
    expect(error.hint).toContain(join(folder, 'schema.cedarschema'));
  });

  it('name the policy that reads an attribute the schema lacks', () => {
    const { error } = problemOf({ access: access.replace('principal.tenant', 'principal.tennant') });
    expect(error.message).toContain('customers-and-staff-may-ask');
    expect(error.message).toContain('tennant');
    expect(error.hint).toContain('schema.cedarschema');
  });

  it('name the line of each policy that speaks of what the schema lacks, and what there is', () => {
    // With more than ten policies, and with a copy that somebody commented out: lines still are those of the file.
    const broken = access
      .replace('Group::"suspended"', 'Team::"suspended"')
      .replace('resource.risk == "critical"', 'resource.risc == "critical"')
      .replace(
        '@id("operators-may-ingest")',
        '// @id("gone") permit (principal, action, resource);\n@id("operators-may-ingest")',
      )
      .replace('Action::"ingest"', 'Action::"ingets"');
    const line = (needle: string): number => broken.slice(0, broken.indexOf(needle)).split('\n').length;
    const { error, folder } = problemOf({ access: broken });
    const file = join(folder, 'access.cedar');
    expect(error.message.split('\n')).toEqual([
      expect.stringContaining(`${file}:${line('Action::"ingets"')}: policy operators-may-ingest: `),
      expect.stringContaining(`${file}:${line('resource.risc')}: policy critical-tools-run-when-two-approved: `),
      expect.stringContaining(`${file}:${line('Team::')}: policy suspended-accounts-may-not-do-anything: `),
    ]);
    expect(error.hint).toContain(
      'Actions are: answer, approve, ask, call_tool, extend_budget, ingest, release, retrieve, send_to_model.',
    );
    expect(error.hint).toContain('Tool has: acts, idempotent, reads, risk, tenant.');
    expect(error.hint).toContain('Entities are: Collection, Group, Model, Principal, Release, Role, Tool.');
  });

  it('name the line of a second policy with the same @id, and that of the first', () => {
    const { error, folder } = problemOf({
      access: '@id("a") permit (principal, action, resource);\n\n@id("a") forbid (principal, action, resource);',
    });
    expect(error.message).toBe(`${join(folder, 'access.cedar')}:3: two policies have @id("a"), the other in line 1`);
  });

  it('show the first line of a policy without @id, and ask for one', () => {
    const { error } = problemOf({ access: `${access}\npermit (principal in Role::"auditor", action, resource);\n` });
    expect(error.message).toContain('no @id');
    expect(error.message).toContain('permit (principal in Role::"auditor"');
    expect(error.hint).toContain('@id(');
  });

  it('treat an empty @id as none', () => {
    const { error } = problemOf({ access: access.replace('@id("operators-may-ingest")', '@id("")') });
    expect(error.message).toContain('no @id');
  });

  it('name an @id that two policies have', () => {
    const twice = access.replace('@id("operators-may-ingest")', '@id("customers-and-staff-may-ask")');
    const { error } = problemOf({ access: twice });
    expect(error.message).toContain('@id("customers-and-staff-may-ask")');
    expect(error.hint).toBe('Rename one.');
  });

  it.each(['constructor', 'toString', '__proto__'])('take %s for a name like any other', (name) => {
    const folder = folderOf({ access: access.replace('"operators-may-ingest"', `"${name}"`) });
    expect(loadAccessPolicy(folder).ids).toContain(name);
  });

  it('refuse templates', () => {
    const template = '@id("template")\npermit (principal == ?principal, action, resource);\n';
    expect(problemOf({ access: `${access}\n${template}` }).error.message).toContain('templates are not supported');
  });

  it.each([
    ['access.cedar', { access: null }],
    ['schema.cedarschema', { schema: null }],
    ['risk-classes.yaml', { classes: null }],
  ] as const)('name the missing file %s and the variable for the folder', (name, files) => {
    const { error, folder } = problemOf(files);
    expect(error.message).toContain(join(folder, name));
    expect(error.hint).toContain('COUNTERSIGN_POLICIES');
  });
});
