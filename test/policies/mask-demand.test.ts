// Masks as policies demand them: read from annotations, refused when they could not be followed, and judged by what would be left.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { ModelQuestion } from '../../policies/judge-model.ts';
import { judgeModel } from '../../policies/judge-model.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import type { DetectedKind } from '../../workflows/protocol/index.ts';
import { STAFF } from '../support/engine.ts';

const OWN = fileURLToPath(new URL('../../policies', import.meta.url));
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const permit = (id: string, annotations: string, when = 'true'): string =>
  `@id("${id}") ${annotations} permit (principal, action == Action::"send_to_model", resource) when { ${when} };`;

/** Without the project's own permits for models, its forbids stay. */
function policyOf(...more: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-mask-'));
  folders.push(folder);
  cpSync(OWN, folder, { recursive: true });
  const own = readFileSync(join(OWN, 'access.cedar'), 'utf8');
  const without = own
    .replace(/@id\("requests-may-go-to-models"\)[^;]*;/, '')
    .replace(/@id\("sensitive-values-are-masked"\)[^;]*;/, '');
  writeFileSync(join(folder, 'access.cedar'), `${without}\n${more.join('\n')}`);
  return loadAccessPolicy(folder);
}

const question = (detected: readonly DetectedKind[], more: Partial<ModelQuestion> = {}): ModelQuestion => ({
  tenant: 'default',
  requestType: 'answer',
  release: { name: 'r', version: '1.0.0', risk: 'high' },
  principal: STAFF,
  model: { name: 'm', provider: 'openai-compatible', baseUrl: 'https://llm.example.com/v1' },
  sensitivity: 'internal',
  origins: ['operator', 'user'],
  sawUntrusted: false,
  detected,
  ...more,
});

describe('an annotation', () => {
  it.each([
    ['@mask("card, passport")', 'is not a list of kinds'],
    ['@mask("")', 'is not a list of kinds'],
    ['@mask("card, card")', 'is not a list of kinds'],
    ['@restore("card")', '@restore without @mask'],
    ['@mask("card") @restore("email")', '@restore names email, which @mask does not hide'],
    ['@mask("secret") @restore("secret")', 'secrets are never restored'],
  ])('%s is refused when policies are loaded', (annotations, message) => {
    expect(() => policyOf(permit('p', annotations))).toThrow(message);
  });

  it('on a policy that lets nothing go to a model is refused', () => {
    const where = '@mask stands on a policy that lets nothing go to a model';
    expect(() =>
      policyOf('@id("f") @mask("card") forbid (principal, action == Action::"send_to_model", resource);'),
    ).toThrow(where);
    expect(() =>
      policyOf('@id("p") @mask("card") permit (principal, action == Action::"retrieve", resource);'),
    ).toThrow(where);
    expect(() => policyOf('@id("p") @mask("card") permit (principal, action, resource);')).toThrow(where);
  });
});

describe('the verdict on a model call', () => {
  it('without a demand, and with one for what is not there, is a plain allow', () => {
    const policy = policyOf(permit('p', '@mask("card")'));
    const verdict = judgeModel(policy, question(['email']));
    expect(verdict).toMatchObject({ decision: 'allow', facts: { context: { detected: ['email'], sensitivity: 1 } } });
    expect(verdict).not.toHaveProperty('mask');
  });

  it('hides what any of its permits hides, and restores what all that hide it restore', () => {
    const policy = policyOf(
      permit('a', '@mask("card, email") @restore("card, email")'),
      permit('b', '@mask("card, iban")'),
      permit('c', '@mask("phone")', 'context.release_risk == "low"'),
    );
    expect(judgeModel(policy, question(['card', 'iban', 'email', 'phone']))).toMatchObject({
      decision: 'allow-with',
      mask: { mask: ['card', 'iban', 'email'], restore: ['email'] },
    });
  });

  it('counts what was found by its kind: without a mask a card may not go where confidential text may not', () => {
    const policy = policyOf(permit('p', ''));
    expect(judgeModel(policy, question(['card']))).toMatchObject({
      decision: 'deny',
      rules: ['confidential-text-stays-here'],
      facts: { context: { sensitivity: 2 } },
    });
  });

  it('does not count what is hidden, and does count what is left', () => {
    const policy = policyOf(permit('p', '@mask("card")'));
    expect(judgeModel(policy, question(['card']))).toMatchObject({ decision: 'allow-with', mask: { mask: ['card'] } });
    expect(judgeModel(policy, question(['card', 'iban']))).toMatchObject({ decision: 'deny' });
  });

  it('does not let a mask make a confidential document less confidential', () => {
    const policy = policyOf(permit('p', '@mask("card")'));
    expect(judgeModel(policy, question(['card'], { sensitivity: 'confidential' }))).toMatchObject({ decision: 'deny' });
  });

  it('is a denial where a policy forbids a kind, masked or not', () => {
    const policy = policyOf(
      permit('p', '@mask("secret")'),
      '@id("no-secrets") forbid (principal, action == Action::"send_to_model", resource) when { resource.remote && context.detected.contains("secret") };',
    );
    expect(judgeModel(policy, question(['secret']))).toMatchObject({
      decision: 'deny',
      rules: ['confidential-text-stays-here', 'no-secrets'],
    });
    const local = { name: 'm', provider: 'local' };
    expect(judgeModel(policy, question(['secret'], { model: local }))).toMatchObject({ decision: 'allow-with' });
  });

  it('holds the class of the release against what the model would see', () => {
    const policy = policyOf(permit('p', '@mask("card")', '!resource.remote || context.sensitivity < 2'));
    const low = {
      release: { name: 'r', version: '1.0.0', risk: 'low' },
      model: { name: 'm', provider: 'local' },
    } as const;
    expect(judgeModel(policy, question(['card'], low))).toMatchObject({ decision: 'allow-with' });
    expect(judgeModel(policy, question(['card', 'iban'], low))).toMatchObject({
      decision: 'deny',
      rules: ['risk-class:low'],
    });
  });
});

describe('a model with a highest sensitivity of its own', () => {
  const model = {
    name: 'm',
    provider: 'openai',
    baseUrl: 'https://llm.example.com/v1',
    maxSensitivity: 'public',
  } as const;

  it.each([
    ['public', 'allow'],
    ['internal', 'deny'],
  ] as const)('is sent what is %s: %s', (sensitivity, decision) => {
    const policy = policyOf(permit('all', '@mask("card")'));
    const verdict = judgeModel(policy, question([], { model, sensitivity }));
    expect(verdict).toMatchObject({ decision, ...(decision === 'deny' && { rules: ['model:m'] }) });
  });

  it('is sent what only masks bring down to it, masked', () => {
    const policy = policyOf(permit('all', '@mask("card")'));
    const open = { model, sensitivity: 'public' } as const;
    expect(judgeModel(policy, question(['card'], open))).toMatchObject({ decision: 'allow-with' });
    expect(judgeModel(policy, question(['email'], open))).toMatchObject({ decision: 'deny', rules: ['model:m'] });
  });
});
