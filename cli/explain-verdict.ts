// How a verdict is shown: who, what, why, and which rule, with the place where the rule stands.
import { relative } from 'node:path';
import type { AccessPolicy } from '../policies/load.ts';
import type { Action, Verdict } from '../workflows/protocol/index.ts';
import { RULE_OF_TWO } from '../workflows/protocol/index.ts';

/** Lines for people. */
export function explainVerdict(policy: AccessPolicy, verdict: Verdict): readonly string[] {
  const { facts, rules, approval, mask, policyDigest } = verdict;
  const { principal, action, resource, context } = facts;
  const groups = [...principal.groups, ...principal.roles.map((role) => `role ${role}`)].join(', ') || 'no groups';
  return [
    `${wordOf(verdict)}: ${principal.id}, ${action} ${resource.id}`,
    `who     ${principal.id} of tenant ${principal.tenant}: ${groups}; clearance ${principal.clearance}`,
    `what    ${action} on ${resource.type} ${resource.id}`,
    `with    ${Object.entries(context)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(' ')}`,
    ...(rules.length > 0 ? rules.flatMap((rule) => ruleLines(policy, rule)) : noRuleLines(policy, action)),
    ...(approval === undefined ? [] : [`asks    ${approvalText(approval)}`]),
    ...(mask === undefined
      ? []
      : [`masks   ${mask.mask.join(', ')}; restored: ${mask.restore.join(', ') || 'nothing'}`]),
    `policy  ${policyDigest}`,
  ];
}

function wordOf({ decision, mask }: Verdict): string {
  if (decision === 'allow-with') return mask === undefined ? 'allowed with an approval' : 'allowed with masks';
  return decision === 'allow' ? 'allowed' : 'denied';
}

/** Rules that are not Cedar's, by what stands before the colon. */
const OWN_RULES: ReadonlyMap<string, string> = new Map([
  ['risk-class', 'what its class demands, in risk-classes.yaml'],
  [RULE_OF_TWO, 'untrusted text, sensitive data and an act in one run; no policy switches it off'],
]);

function ruleLines(policy: AccessPolicy, rule: string): readonly string[] {
  const source = policy.sources.get(rule);
  if (source === undefined) {
    const [kind = ''] = rule.split(':');
    return [`why     ${rule}: ${OWN_RULES.get(kind) ?? 'not a policy of this set'}`];
  }
  const text = source.text.split('\n').map((line) => `          ${line}`);
  return [`why     ${rule}, ${relative('', source.file)}:${source.line}`, ...text];
}

function noRuleLines({ parsed, sources }: AccessPolicy, action: Action): readonly string[] {
  const permits = [...parsed].filter(([, { effect, action: scope }]) => effect === 'permit' && covers(scope, action));
  const list = permits.map(([id]) => {
    const { file, line } = sources.get(id) ?? { file: '', line: 0 };
    return `          ${id}, ${relative('', file)}:${line}`;
  });
  if (list.length === 0) return [`why     no policy permits ${action}`];
  return [`why     no permit applies. Those for ${action} are:`, ...list];
}

/** Whether a policy's scope has the action. */
function covers(scope: unknown, action: Action): boolean {
  const { op, entity, entities } = scope as {
    op: string;
    entity?: { id?: string };
    entities?: readonly { id?: string }[];
  };
  return op === 'All' || [entity, ...(entities ?? [])].some((each) => each?.id === action);
}

function approvalText({ quorum, expiresAfterMs, useWithinMs, reroute }: NonNullable<Verdict['approval']>): string {
  const minutes = (ms: number): string => (ms % 3_600_000 === 0 ? `${ms / 3_600_000} hours` : `${ms / 60_000} minutes`);
  const next = reroute === undefined ? '' : `; after ${minutes(reroute.afterMs)} also ${reroute.groups.join(', ')}`;
  return `${quorum.n} of ${quorum.groups.join(', ')}, within ${minutes(expiresAfterMs)}; to be used within ${minutes(useWithinMs)}${next}`;
}
