// Verdicts on tool calls: Cedar asked as things are and as if people had approved, on the shipped policy and on small ones.
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CallQuestion } from '../../policies/judge-call.ts';
import { judgeCall } from '../../policies/judge-call.ts';
import type { AccessPolicy } from '../../policies/load.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import type { Amount, Principal, Risk } from '../../workflows/protocol/index.ts';
import { anonymous } from '../../workflows/protocol/index.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const policy = loadAccessPolicy('policies');
const HOUR_MS = 3_600_000;

const nobody = anonymous('default');
const customer: Principal = { ...nobody, id: 'ada', groups: ['customers'] };
const staff: Principal = { ...nobody, id: 'sam', groups: ['staff'] };

interface Case {
  /** @default 'close_ticket', of which no rule speaks by name */
  readonly name?: string;
  readonly principal?: Principal;
  readonly tenant?: string;
  readonly risk?: Risk;
  readonly idempotent?: boolean;
  readonly trust?: Partial<CallQuestion['trust']>;
}

const question = ({
  name = 'close_ticket',
  principal = customer,
  tenant = 'default',
  risk = 'low',
  idempotent = true,
  trust,
}: Case): CallQuestion => ({
  principal,
  tenant,
  tool: { name, risk, idempotent },
  release: { name: 'support_agent', version: '1.0.0', risk: 'high' },
  requestType: 'agent',
  trust: {
    sawUntrusted: false,
    reachedSensitive: false,
    acted: false,
    sensitivity: 'internal',
    origins: [],
    untrustedArguments: 0,
    repeated: false,
    ...trust,
  },
});

const ONE = ['tools-run-when-approved'];
const TWO = ['critical-tools-run-when-two-approved', 'tools-run-when-approved'];
const ATONCE = ['low-risk-tools-run-at-once'];

function policyOf(text: string): AccessPolicy {
  const folder = mkdtempSync(join(temp.path, 'policies-'));
  writeFileSync(join(folder, 'schema.cedarschema'), readFileSync('policies/schema.cedarschema'));
  writeFileSync(join(folder, 'access.cedar'), text);
  copyFileSync('policies/risk-classes.yaml', join(folder, 'risk-classes.yaml'));
  return loadAccessPolicy(folder);
}

const rule = (id: string, effect: string, condition: string, annotations = ''): string =>
  `@id("${id}") ${annotations} ${effect} (principal, action == Action::"call_tool", resource) when { ${condition} };\n`;

describe('the shipped policy', () => {
  it.each<[string, Case, readonly string[]]>([
    ['low risk of a customer', {}, ATONCE],
    ['low risk of staff', { principal: staff }, ATONCE],
    ['low risk of a model that read documents', { trust: { sawUntrusted: true } }, ATONCE],
    ['low risk once more, when the tool may be tried again', { trust: { repeated: true } }, ATONCE],
    ['low risk that may not be tried again, the first time', { idempotent: false }, ATONCE],
  ])('allows at once: %s', (_, of, rules) => {
    const verdict = judgeCall(policy, question(of));
    expect(verdict).toMatchObject({ decision: 'allow', rules });
    expect(verdict).not.toHaveProperty('approval');
  });

  it.each<[string, Case, readonly string[], number]>([
    ['medium risk', { risk: 'medium' }, ONE, 1],
    ['high risk', { risk: 'high' }, ONE, 1],
    ['high risk of staff', { principal: staff, risk: 'high' }, ONE, 1],
    ['critical risk', { risk: 'critical' }, TWO, 2],
    ['critical risk of staff', { principal: staff, risk: 'critical' }, TWO, 2],
    ['low risk with an argument out of documents', { trust: { sawUntrusted: true, untrustedArguments: 1 } }, ONE, 1],
    ['low risk once more, when it may have an effect twice', { idempotent: false, trust: { repeated: true } }, ONE, 1],
    ['medium risk once more', { risk: 'medium', trust: { repeated: true } }, ONE, 1],
    ['critical risk with untrusted arguments', { risk: 'critical', trust: { untrustedArguments: 3 } }, TWO, 2],
    [
      'a risk that is none of ours, which counts as the highest',
      { risk: 'LOW' as Risk },
      [...ONE, 'risk-class:LOW'],
      2,
    ],
  ])('asks people: %s', (_, of, rules, n) => {
    expect(judgeCall(policy, question(of))).toMatchObject({
      decision: 'allow-with',
      rules,
      approval: {
        quorum: { n, groups: ['refund-approvers'] },
        expiresAfterMs: 24 * HOUR_MS,
        useWithinMs: 72 * HOUR_MS,
      },
    });
  });

  const NOT_ANONYMOUS = ['anonymous-may-use-low-risk-tools-only'];
  const SUSPENDED = ['suspended-accounts-may-not-do-anything'];
  it.each<[string, Case, readonly string[]]>([
    ['low risk of a stranger', { principal: { ...nobody, id: 'eve' } }, []],
    ['high risk of a stranger', { principal: { ...nobody, id: 'eve' }, risk: 'high' }, []],
    ['low risk of anonymous', { principal: nobody }, []],
    ['medium risk of anonymous', { principal: nobody, risk: 'medium' }, NOT_ANONYMOUS],
    [
      'medium risk of anonymous, whatever groups it claims',
      { principal: { ...nobody, groups: ['staff'] }, risk: 'medium' },
      NOT_ANONYMOUS,
    ],
    ['critical risk of anonymous', { principal: { ...nobody, groups: ['staff'] }, risk: 'critical' }, NOT_ANONYMOUS],
    ['a suspended customer', { principal: { ...customer, groups: ['customers', 'suspended'] } }, SUSPENDED],
    [
      'suspended staff, high risk',
      { principal: { ...staff, groups: ['staff', 'suspended'] }, risk: 'high' },
      SUSPENDED,
    ],
    ['a tool of another tenant', { tenant: 'acme' }, []],
    ['a high-risk tool of another tenant', { tenant: 'acme', risk: 'high' }, []],
    ['an approver who is neither customer nor staff', { principal: { ...nobody, groups: ['refund-approvers'] } }, []],
  ])('denies: %s', (_, of, rules) => {
    const verdict = judgeCall(policy, question(of));
    expect(verdict).toMatchObject({ decision: 'deny', rules });
    expect(verdict).not.toHaveProperty('approval');
  });

  it('records the facts without the supposition that somebody approved', () => {
    const trust = { sawUntrusted: true, untrustedArguments: 2, repeated: true };
    for (const risk of ['low', 'critical'] as const) {
      expect(judgeCall(policy, question({ risk, trust }))).toMatchObject({ v: 1, policyDigest: policy.digest });
      expect(judgeCall(policy, question({ risk, trust })).facts).toEqual({
        principal: customer,
        action: 'call_tool',
        resource: { type: 'Tool', id: 'close_ticket' },
        context: {
          request_type: 'agent',
          release: 'support_agent@1.0.0',
          release_risk: 'high',
          saw_untrusted: true,
          reached_sensitive: false,
          acted: false,
          sensitivity: 1,
          origins: [],
          untrusted_arguments: 2,
          repeated: true,
        },
      });
    }
  });
});

describe('a refund, by the shipped policy', () => {
  const LARGE = ['large-refunds-run-when-two-approved', ...ONE];
  const refund = (amount?: Amount): CallQuestion =>
    question({ name: 'refund_order', principal: staff, risk: 'high', trust: amount === undefined ? {} : { amount } });

  it.each<[string, Amount | undefined, number]>([
    ['0.00 EUR', { value: 0, currency: 'EUR' }, 1],
    ['99.99 EUR', { value: 9_999, currency: 'EUR' }, 1],
    ['100.00 EUR', { value: 10_000, currency: 'EUR' }, 2],
    ['100.01 EUR', { value: 10_001, currency: 'EUR' }, 2],
    ['as much as can be said', { value: Number.MAX_SAFE_INTEGER, currency: 'EUR' }, 2],
    ['a small number of another currency', { value: 1, currency: 'KWD' }, 2],
    ['the same letters written otherwise', { value: 1, currency: 'eur' }, 2],
    ['no currency', { value: 1 }, 2],
    ['no amount', undefined, 2],
  ])('of %s', (_, amount, n) => {
    const verdict = judgeCall(policy, refund(amount));
    expect(verdict).toMatchObject({
      decision: 'allow-with',
      rules: n === 1 ? ONE : LARGE,
      approval: { quorum: { n } },
    });
    const { amount: value, currency } = verdict.facts.context;
    expect({ value, currency }).toEqual({ value: amount?.value, currency: amount?.currency });
  });

  it.each<[string, Amount]>([
    ['half a cent', { value: 0.5, currency: 'EUR' }],
    ['not a number', { value: Number.NaN, currency: 'EUR' }],
    ['a number as text', { value: '1' as unknown as number, currency: 'EUR' }],
    ['a currency that is no text', { value: 1, currency: 978 as unknown as string }],
  ])('of %s is an error, not a verdict', (_, amount) => {
    expect(() => judgeCall(policy, refund(amount))).toThrow(/^Cedar cannot judge call_tool: /);
  });
});

describe('judging a call', () => {
  it('merges what all permits that apply ask, and leaves the others out', () => {
    const merged = policyOf(
      rule(
        'b',
        'permit',
        'context.approved',
        '@groups("z, m") @quorum("1") @expires_after("3 hours") @use_within("9 days")',
      ) +
        rule(
          'a',
          'permit',
          'context.approved',
          '@groups("a") @quorum("2") @expires_after("2 days") @use_within("4 days")',
        ) +
        rule('other', 'permit', 'context.approved && resource.risk == "low"', '@groups("others") @quorum("9")'),
    );
    expect(judgeCall(merged, question({ risk: 'high' }))).toMatchObject({
      decision: 'allow-with',
      rules: ['a', 'b'],
      approval: {
        quorum: { n: 2, groups: ['a', 'm', 'z'] },
        expiresAfterMs: 3 * HOUR_MS,
        useWithinMs: 96 * HOUR_MS,
      },
    });
  });

  it('asks when only a forbid waits for the approval, and a permit says whom to ask', () => {
    const guarded = policyOf(
      rule('open', 'permit', 'true') +
        rule('guard', 'forbid', '!context.approved') +
        rule('asks', 'permit', 'context.approved', '@groups("a")'),
    );
    expect(judgeCall(guarded, question({}))).toMatchObject({
      decision: 'allow-with',
      rules: ['asks', 'open'],
      approval: { quorum: { n: 1, groups: ['a'] } },
    });
  });

  it('denies by the forbid that waits for an approval nobody could give', () => {
    const closed = policyOf(rule('open', 'permit', 'true') + rule('guard', 'forbid', '!context.approved'));
    const verdict = judgeCall(closed, question({}));
    expect(verdict).toMatchObject({ decision: 'deny', rules: ['guard'] });
    expect(verdict).not.toHaveProperty('approval');
  });

  it('denies when a rule cannot be evaluated without an approval, and could be with one', () => {
    const overflow = '(if context.approved then 0 else 9223372036854775807) + context.untrusted_arguments < 0';
    const broken = policyOf(
      rule('asks', 'permit', 'context.approved', '@groups("a")') + rule('overflows', 'forbid', overflow),
    );
    const untrusted = question({ trust: { untrustedArguments: 1 } });
    expect(judgeCall(broken, untrusted).decision).toBe('deny');
    expect(judgeCall(broken, question({})).decision).toBe('allow-with');
  });

  it('denies when a rule cannot be evaluated with an approval', () => {
    const overflow = '(if context.approved then 9223372036854775807 else 0) + context.untrusted_arguments < 0';
    const broken = policyOf(
      rule('asks', 'permit', 'context.approved', '@groups("a")') + rule('overflows', 'forbid', overflow),
    );
    expect(judgeCall(broken, question({ trust: { untrustedArguments: 1 } })).decision).toBe('deny');
  });

  it('gives rules the release, its risk, and the three facts of trust', () => {
    const all = policyOf(
      rule(
        'all',
        'permit',
        'context.release == "support_agent@1.0.0" && context.release_risk == "high" && context.saw_untrusted && ' +
          'context.untrusted_arguments == 2 && context.repeated && resource.tenant == "default" && !resource.idempotent && ' +
          'resource == Tool::"close_ticket"',
      ),
    );
    const trust = { sawUntrusted: true, untrustedArguments: 2, repeated: true };
    expect(judgeCall(all, question({ idempotent: false, trust })).decision).toBe('allow');
    expect(judgeCall(all, question({ idempotent: true, trust })).decision).toBe('deny');
    expect(judgeCall(all, question({ idempotent: false, trust: { ...trust, repeated: false } })).decision).toBe('deny');
  });

  describe('that completes the rule of two', () => {
    const everything = rule('everything', 'permit', 'true');
    const asks = rule('asks', 'permit', 'context.approved', '@groups("a, b") @quorum("2")');
    const all = { sawUntrusted: true, reachedSensitive: true, acted: true };
    const ask = (text: string, of: Case = { trust: all }) => judgeCall(policyOf(text), question(of));

    it('asks whom the permits name that wait for people, although another one lets it through', () => {
      expect(ask(everything + asks)).toMatchObject({
        decision: 'allow-with',
        rules: ['asks', 'everything', 'rule-of-two'],
        approval: { quorum: { n: 2, groups: ['a', 'b'] } },
      });
      expect(ask(everything + asks, { trust: { sawUntrusted: true, acted: true } })).toMatchObject({
        decision: 'allow',
      });
    });

    it('is denied where nothing names anybody who could approve it', () => {
      const verdict = ask(everything);
      expect(verdict).toMatchObject({ decision: 'deny', rules: ['rule-of-two'] });
      expect(verdict).not.toHaveProperty('approval');
    });

    it.each([
      ['forbidden', everything + asks + rule('never', 'forbid', 'context.approved'), ['never', 'rule-of-two']],
      ['not permitted', rule('open', 'permit', '!context.approved', '@groups("a")'), ['rule-of-two']],
    ])('is denied where it is %s once it is approved', (_, text, rules) => {
      expect(ask(text)).toMatchObject({ decision: 'deny', rules });
    });

    it('asks whom the policy or the risk class asks, where these ask anyway', () => {
      expect(ask(asks)).toMatchObject({ decision: 'allow-with', rules: ['asks'] });
      expect(ask(everything + asks, { risk: 'critical', trust: all })).toMatchObject({
        decision: 'allow-with',
        rules: ['everything', 'risk-class:critical'],
      });
    });

    it('counts what a model was shown, whatever the flag says', () => {
      const trust = { sawUntrusted: true, reachedSensitive: false, sensitivity: 'confidential' } as const;
      const verdict = ask(everything + asks, { trust });
      expect(verdict.rules).toContain('rule-of-two');
      expect(verdict.facts.context).toMatchObject({ reached_sensitive: true, acted: false });
    });

    it('tells rules the flags, and what the tool reaches and does', () => {
      const reads = rule('reads', 'permit', '!resource.acts && resource.reads == 2 && context.reached_sensitive');
      const tool = {
        name: 't',
        risk: 'low',
        idempotent: true,
        access: { reads: 'confidential', acts: false },
      } as const;
      const asked = { ...question({ trust: { reachedSensitive: true } }), tool };
      expect(judgeCall(policyOf(reads), asked).decision).toBe('allow');
      expect(judgeCall(policyOf(reads), question({ trust: { reachedSensitive: true } })).decision).toBe('deny');
    });
  });

  it.each([
    ['a count that is no whole number', question({ trust: { untrustedArguments: 0.5 } })],
    ['a count that is not a number', question({ trust: { untrustedArguments: Number.NaN } })],
    ['a flag that is no boolean', question({ trust: { repeated: 'no' as unknown as boolean } })],
    ['a risk that is no text', question({ risk: 3 as unknown as Risk })],
  ])('is an error, not a verdict, for %s', (_, bad) => {
    expect(() => judgeCall(policy, bad)).toThrow(/^Cedar cannot judge call_tool: /);
  });

  it('says how long a decision takes', () => {
    // Somebody else each time: the answer to a question that was asked before is kept.
    const asks = (i: number) => question({ risk: 'critical', principal: { ...customer, id: `c${i}` } });
    for (let i = 0; i < 200; i++) judgeCall(policy, asks(i));
    const tookMs = Array.from({ length: 1_000 }, (_, i) => {
      const asked = asks(1_000 + i);
      const started = performance.now();
      judgeCall(policy, asked);
      return performance.now() - started;
    }).sort((a, b) => a - b);
    const median = tookMs[500] ?? Number.POSITIVE_INFINITY;
    process.stdout.write(`a call that asks twice is judged in ${median.toFixed(3)} ms at p50\n`);
    // A policy parsed again for every question takes tens of times as long.
    expect(median).toBeLessThan(5);
  });
});
