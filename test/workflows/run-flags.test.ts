// The rule of two over any order of steps, by property: no step takes a flag back, and no call leaves all three true that nobody
// approved, whatever the policy lets through.
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeCall } from '../../policies/judge-call.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import type { RunFlag, StepPath, ToolAccess } from '../../workflows/protocol/index.ts';
import {
  accessOf,
  completesAllThree,
  factsOf,
  flagsOfCall,
  isSensitive,
  RUN_FLAGS,
  SENSITIVITY_RANK,
} from '../../workflows/protocol/index.ts';
import { flagsNow, foundSensitive, raise } from '../../workflows/run-flags.ts';
import type { RunState } from '../../workflows/run-state.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const ORDERS = 3_000;
const SENSITIVITIES = ['public', 'internal', 'confidential', 'restricted'] as const;
const temp = useTempFolder();

/** Lets every call through, and names who is asked where something else asks. */
const permitsAll = () => {
  const folder = mkdtempSync(join(temp.path, 'policies-'));
  for (const name of ['schema.cedarschema', 'risk-classes.yaml']) copyFileSync(`policies/${name}`, join(folder, name));
  const own = readFileSync('policies/access.cedar', 'utf8');
  writeFileSync(
    join(folder, 'access.cedar'),
    `${own}\n@id("everything")\npermit (principal, action == Action::"call_tool", resource);\n`,
  );
  return loadAccessPolicy(folder);
};

const newState = (): RunState => ({ flags: {} }) as RunState;

type Step =
  | { readonly kind: 'read'; readonly text: boolean; readonly sensitivity: (typeof SENSITIVITIES)[number] }
  | {
      readonly kind: 'call';
      readonly access: ToolAccess;
      readonly returns: (typeof SENSITIVITIES)[number];
      readonly approves: boolean;
    };

const sensitivity = fc.constantFrom(...SENSITIVITIES);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('read' as const), text: fc.boolean(), sensitivity }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      access: fc.record({ reads: sensitivity, acts: fc.boolean() }),
      returns: sensitivity,
      approves: fc.boolean(),
    }),
  },
);

describe('over any order of steps', () => {
  it('no flag is taken back, and no call that nobody approved leaves all three true, unless it only reads where they were', () => {
    const policy = permitsAll();
    const principal = { id: 'sam', tenant: 'default', groups: ['staff'], roles: [], clearance: 'internal' } as const;
    const run = {
      tenant: 'default',
      requestType: 'agent',
      release: { name: 'r', version: '1.0.0', risk: 'low' },
    } as const;
    let [asked, atOnce] = [0, 0];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const state = newState();
        for (const [i, each] of steps.entries()) {
          const stepPath: StepPath = `agent/step#${i}`;
          const before = flagsNow(state);
          if (each.kind === 'read') {
            raise(state, stepPath, { sawUntrusted: each.text, reachedSensitive: isSensitive(each.sensitivity) });
          } else {
            const tool = { name: 't', risk: 'low', idempotent: true, access: each.access } as const;
            const rest = { sensitivity: 'public', origins: [], untrustedArguments: 0, repeated: false } as const;
            const trust = { ...factsOf(before), ...rest };
            const { decision, approval, rules } = judgeCall(policy, { ...run, principal, tool, trust });
            if (decision === 'allow') atOnce += 1;
            else asked += 1;
            // Whatever asks says whom.
            expect(decision === 'allow' ? approval : approval?.quorum.groups.length).toBe(
              decision === 'allow' ? undefined : 1,
            );
            expect(rules.includes('rule-of-two')).toBe(decision !== 'allow');
            if (decision === 'allow' || each.approves) {
              raise(state, stepPath, flagsOfCall(each.access));
              raise(state, stepPath, { reachedSensitive: isSensitive(each.returns) });
              const declared = factsOf(before);
              const after = flagsOfCall(each.access);
              const all = RUN_FLAGS.every((flag) => declared[flag] || after[flag]);
              const hadAll = RUN_FLAGS.every((flag) => declared[flag]);
              if (decision === 'allow' && all) expect([hadAll, each.access.acts]).toEqual([true, false]);
            }
          }
          for (const [flag, at] of Object.entries(before)) expect(state.flags[flag as RunFlag]).toBe(at);
        }
      }),
      { numRuns: ORDERS },
    );
    expect(asked).toBeGreaterThan(ORDERS / 10);
    expect(atOnce).toBeGreaterThan(ORDERS / 10);
  });
});

describe('a call', () => {
  const reader: ToolAccess = { reads: 'confidential', acts: false };
  const poster: ToolAccess = { reads: 'public', acts: true };
  const flags = (...raised: readonly RunFlag[]) => ({
    sawUntrusted: raised.includes('sawUntrusted'),
    reachedSensitive: raised.includes('reachedSensitive'),
    acted: raised.includes('acted'),
  });

  it.each<[string, ReturnType<typeof flags>, ToolAccess, boolean]>([
    ['the first that reads', flags(), reader, false],
    ['the first that acts', flags(), poster, false],
    ['the first of a tool that does both', flags(), { reads: 'confidential', acts: true }, true],
    ['an act after text of others alone', flags('sawUntrusted'), poster, false],
    ['an act after sensitive data, since its own result is text of others', flags('reachedSensitive'), poster, true],
    ['an act after both', flags('sawUntrusted', 'reachedSensitive'), poster, true],
    ['a sensitive look-up after an act', flags('sawUntrusted', 'acted'), reader, true],
    ['another look-up when all three are true', flags(...RUN_FLAGS), reader, false],
    ['another act when all three are true', flags(...RUN_FLAGS), poster, true],
    ['an act that repeats the one before', flags('sawUntrusted', 'acted'), poster, false],
  ])('asks or not: %s', (_, before, access, asks) => {
    expect(completesAllThree(before, access)).toBe(asks);
  });
});

describe('a tool that does not say what it can reach and do', () => {
  const source = { kind: 'mcp', name: 'x', digest: `sha256:${'0'.repeat(64)}` } as const;
  it.each([
    ['of our own code', { risk: 'critical' as const }, 'internal'],
    ['of others, of low risk', { risk: 'low' as const, source }, 'internal'],
    ['of others, of medium risk', { risk: 'medium' as const, source }, 'restricted'],
    ['of others, of high risk', { risk: 'high' as const, source }, 'restricted'],
  ])('%s acts, and reads what is %j', (_, tool, reads) => {
    expect(accessOf(tool)).toEqual({ reads, acts: true });
  });

  it('is what it says where it does', () => {
    const access = { reads: 'public', acts: false } as const;
    expect(accessOf({ risk: 'critical', source, access })).toBe(access);
  });
});

describe('what was found in a prompt', () => {
  it.each([
    ['a card', { detected: { card: 1 }, masked: {} }, true],
    ['a masked card, which tools get', { detected: { card: 1 }, masked: { card: 1 } }, true],
    ['a masked secret, which no tool gets', { detected: { secret: 2 }, masked: { secret: 2 } }, false],
    ['a secret of which one is not masked', { detected: { secret: 2 }, masked: { secret: 1 } }, true],
    ['an address', { detected: { email: 3 }, masked: {} }, false],
  ])('is sensitive or not: %s', (_, found, sensitive) => {
    expect(foundSensitive(found)).toBe(sensitive);
  });

  it('counts from confidential on', () => {
    expect(Object.keys(SENSITIVITY_RANK).filter((each) => isSensitive(each as never))).toEqual([
      'confidential',
      'restricted',
    ]);
  });
});
