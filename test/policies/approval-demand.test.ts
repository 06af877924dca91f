// What permits ask of people: annotations that are read at load, refused when they could be misread, and merged to the strictest.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mergeDemands } from '../../policies/approval-demand.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import { UserError } from '../../runtime/errors.ts';
import type { ApprovalDemand } from '../../workflows/protocol/index.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function load(text: string) {
  const folder = mkdtempSync(join(temp.path, 'policies-'));
  writeFileSync(join(folder, 'schema.cedarschema'), readFileSync('policies/schema.cedarschema'));
  writeFileSync(join(folder, 'risk-classes.yaml'), readFileSync('policies/risk-classes.yaml'));
  writeFileSync(join(folder, 'access.cedar'), text);
  return { folder, load: () => loadAccessPolicy(folder) };
}

const permit = (annotations: string, condition = 'context.approved', effect = 'permit'): string =>
  `@id("p") ${annotations} ${effect} (principal, action == Action::"call_tool", resource) when { ${condition} };`;

const demandOf = (annotations: string, condition?: string): ApprovalDemand | undefined =>
  load(permit(annotations, condition)).load().approvals.get('p');

function problemOf(text: string): UserError {
  const { folder, load: act } = load(text);
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toContain(`${join(folder, 'access.cedar')}:1: policy p: `);
    return error as UserError;
  }
  throw new Error('the policies loaded');
}

describe('a permit that reads context.approved', () => {
  it('asks as its annotations say', () => {
    const annotations =
      '@groups("finance, refund-approvers") @quorum("3") @expires_after("30 minutes") @use_within("2 days")';
    expect(demandOf(annotations)).toEqual({
      quorum: { n: 3, groups: ['finance', 'refund-approvers'] },
      expiresAfterMs: 30 * MINUTE_MS,
      useWithinMs: 48 * HOUR_MS,
    });
  });

  it('says whom to ask next, and when', () => {
    const next = '@groups("finance") @reroute_to("board, supervisors") @reroute_after("4 hours")';
    expect(demandOf(next)?.reroute).toEqual({ afterMs: 4 * HOUR_MS, groups: ['board', 'supervisors'] });
    expect(demandOf('@groups("finance")')).not.toHaveProperty('reroute');
  });

  it.each([
    ['@reroute_to("board")', '@reroute_to and @reroute_after go together'],
    ['@reroute_after("4 hours")', '@reroute_to and @reroute_after go together'],
    ['@reroute_to("") @reroute_after("4 hours")', '@reroute_to("") is not a list of groups'],
    ['@reroute_to("board") @reroute_after("soon")', '@reroute_after("soon") is not a duration'],
    ['@reroute_to("board") @reroute_after("24 hours")', '@reroute_after is not before @expires_after'],
    ['@reroute_to("board") @reroute_after("2 hours") @expires_after("1 hour")', 'is not before @expires_after'],
    ['@reroute_to("finance") @reroute_after("4 hours")', 'names nobody who is not asked from the start'],
  ])('does not load with a rerouting that could not be followed: %s', (annotations, says) => {
    expect(problemOf(permit(`@groups("finance") ${annotations}`)).message).toContain(says);
  });

  it('asks one person within a day, for use within three, when it names groups only', () => {
    expect(demandOf('@groups("finance")')).toEqual({
      quorum: { n: 1, groups: ['finance'] },
      expiresAfterMs: 24 * HOUR_MS,
      useWithinMs: 72 * HOUR_MS,
    });
  });

  it.each([
    'resource.risk == "low" && (context.repeated || context.approved)',
    '!(context.approved == false)',
    'if context.approved then true else false',
    '[context.approved].contains(true)',
    '{a: context.approved}.a',
    'context["approved"]',
  ])('must name groups wherever it reads it: %s', (condition) => {
    expect(problemOf(permit('', condition)).message).toContain('does not say who may approve');
    expect(demandOf('@groups("finance")', condition)?.quorum.groups).toEqual(['finance']);
  });

  it.each([
    ['@groups', '@groups("") is not a list of groups'],
    ['@groups("")', '@groups("") is not a list of groups'],
    ['@groups("a,,b")', '@groups("a,,b") is not a list'],
    ['@groups("a, a")', '@groups("a, a") is not a list'],
    ['@groups("a b")', '@groups("a b") is not a list'],
    ['@groups("a") @quorum', '@quorum("") is not a number of people'],
    ['@groups("a") @quorum("0")', '@quorum("0") is not a number of people'],
    ['@groups("a") @quorum("-1")', '@quorum("-1")'],
    ['@groups("a") @quorum("1.5")', '@quorum("1.5")'],
    ['@groups("a") @quorum("two")', '@quorum("two")'],
    ['@groups("a") @quorum("21")', '@quorum("21")'],
    ['@groups("a") @expires_after("24")', '@expires_after("24") is not a duration'],
    ['@groups("a") @expires_after("24h")', '@expires_after("24h") is not a duration'],
    ['@groups("a") @expires_after("0 hours")', '@expires_after("0 hours") is not a duration'],
    ['@groups("a") @expires_after("1.5 hours")', '@expires_after("1.5 hours") is not a duration'],
    ['@groups("a") @expires_after("-1 hours")', '@expires_after("-1 hours") is not a duration'],
    ['@groups("a") @use_within("2 weeks")', '@use_within("2 weeks") is not a duration'],
    ['@groups("a") @use_within("366 days")', '@use_within("366 days") is not a duration'],
    ['@groups("a") @use_within("1 hour")', '@use_within ends before @expires_after'],
    ['@groups("a") @quorom("2")', 'unknown annotation @quorom'],
  ])('does not load with %s', (annotations, says) => {
    const error = problemOf(permit(annotations));
    expect(error.message).toContain(says);
    expect(error.hint?.length).toBeGreaterThan(10);
  });

  it.each([
    ['1 minute', MINUTE_MS],
    ['90 minutes', 90 * MINUTE_MS],
    ['1 hour', HOUR_MS],
    ['3 days', 72 * HOUR_MS],
  ])('may be decided within %s', (text, expected) => {
    expect(demandOf(`@groups("a") @expires_after("${text}")`)?.expiresAfterMs).toBe(expected);
  });
});

describe('other policies', () => {
  it('ask nobody', () => {
    expect(load(permit('', 'context.repeated')).load().approvals.size).toBe(0);
    expect(load(permit('', 'context.approved', 'forbid')).load().approvals.size).toBe(0);
  });

  it.each(['@groups("a")', '@quorum("2")', '@expires_after("1 hour")', '@use_within("100 hours")'])(
    'do not load with %s on a permit that holds without any approval',
    (annotation) => {
      expect(problemOf(permit(annotation, 'context.repeated')).message).toContain('does not depend on one');
    },
  );

  it('do not load with an approval asked for by a forbid, which could not get it', () => {
    expect(problemOf(permit('@groups("a")', '!context.approved', 'forbid')).message).toContain(
      'does not depend on one',
    );
  });

  it('do not load with an annotation that nobody reads', () => {
    expect(problemOf(permit('@advice("ask")', 'context.repeated')).message).toContain('unknown annotation @advice');
  });
});

describe('several demands', () => {
  const demand = (
    n: number,
    groups: readonly string[],
    expiresAfterMs: number,
    useWithinMs: number,
  ): ApprovalDemand => ({
    quorum: { n, groups },
    expiresAfterMs,
    useWithinMs,
  });

  it('become one with the largest quorum, the shortest times and all groups', () => {
    const merged = demand(3, ['a', 'b', 'c'], 5, 10);
    const parts = [demand(1, ['c', 'a'], 20, 30), demand(3, ['b'], 5, 40), demand(2, ['a'], 9, 10)];
    expect(mergeDemands(parts)).toEqual(merged);
    expect(mergeDemands(parts.toReversed())).toEqual(merged);
  });

  it('reroute at the earliest time to everybody that one of them names, if that is before the end of deciding', () => {
    const rerouting = (hours: number, groups: readonly string[], expires = 20) => ({
      ...demand(1, ['a'], expires * HOUR_MS, 30 * HOUR_MS),
      reroute: { afterMs: hours * HOUR_MS, groups },
    });
    const merged = mergeDemands([
      rerouting(4, ['x', 'y']),
      demand(1, ['a'], 10 * HOUR_MS, 30),
      rerouting(6, ['z', 'x']),
    ]);
    expect(merged?.reroute).toEqual({ afterMs: 4 * HOUR_MS, groups: ['x', 'y', 'z'] });
    expect(mergeDemands([rerouting(4, ['x']), demand(1, ['a'], 3 * HOUR_MS, 30)])).not.toHaveProperty('reroute');
  });

  it('are none when there are none', () => {
    expect(mergeDemands([])).toBe(undefined);
  });
});

describe('the shipped policies', () => {
  it('ask refund approvers: one for most tools, two for critical ones and large refunds; and one who minds the budget', () => {
    const times = { expiresAfterMs: 24 * HOUR_MS, useWithinMs: 72 * HOUR_MS };
    expect(Object.fromEntries(loadAccessPolicy('policies').approvals)).toEqual({
      'tools-run-when-approved': { quorum: { n: 1, groups: ['refund-approvers'] }, ...times },
      'critical-tools-run-when-two-approved': { quorum: { n: 2, groups: ['refund-approvers'] }, ...times },
      'large-refunds-run-when-two-approved': { quorum: { n: 2, groups: ['refund-approvers'] }, ...times },
      'budgets-are-extended-when-approved': {
        quorum: { n: 1, groups: ['budget-approvers'] },
        expiresAfterMs: 4 * HOUR_MS,
        useWithinMs: 24 * HOUR_MS,
      },
    });
  });
});
