// What a permit asks of people before it counts, read from its annotations. A slip in one is an error at load, never a default.
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { UserError } from '../runtime/errors.ts';
import type { ApprovalDemand } from '../workflows/protocol/index.ts';
import { isName } from './names.ts';

const MINUTE_MS = 60_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  second: 1000,
  minute: MINUTE_MS,
  hour: 60 * MINUTE_MS,
  day: 24 * 60 * MINUTE_MS,
};
const MAX_DURATION_MS = 365 * 24 * 60 * MINUTE_MS;
const MAX_QUORUM = 20;
const DEFAULTS = { quorum: '1', expires_after: '24 hours', use_within: '72 hours' } as const;
const KNOWN: ReadonlySet<string> = new Set(['id', 'groups', ...Object.keys(DEFAULTS)]);

/**
 * The demand of one policy, or `undefined` when it makes none. `where` names file and policy.
 *
 * @throws UserError for an annotation that is unknown or malformed, and for a demand that is missing or would never be made
 */
export function approvalDemandOf(policy: PolicyJson, where: string): ApprovalDemand | undefined {
  const annotations = new Map(Object.entries(policy.annotations ?? {}).map(([name, value]) => [name, value ?? '']));
  for (const name of annotations.keys()) {
    if (!KNOWN.has(name)) throw new UserError(`${where}: unknown annotation @${name}`, { hint: HINT });
  }
  const annotated = [...annotations.keys()].some((name) => name !== 'id');
  const waits = policy.effect === 'permit' && policy.conditions.some(({ body }) => readsApproved(body));
  if (!annotated && !waits) return undefined;
  if (!waits) {
    throw new UserError(`${where}: asks for an approval and does not depend on one`, {
      hint: 'Only a permit whose conditions read context.approved waits for people. Add it, or drop the annotations.',
    });
  }

  const groups = groupsOf(annotations.get('groups'), where);
  const n = quorumOf(annotations.get('quorum') ?? DEFAULTS.quorum, where);
  const expiresAfterMs = durationOf(annotations, 'expires_after', where);
  const useWithinMs = durationOf(annotations, 'use_within', where);
  if (useWithinMs < expiresAfterMs) {
    throw new UserError(`${where}: what is approved late could not be used: @use_within ends before @expires_after`, {
      hint: `Both count from the request. Without the annotations they are ${DEFAULTS.use_within} and ${DEFAULTS.expires_after}.`,
    });
  }
  return { quorum: { n, groups }, expiresAfterMs, useWithinMs };
}

/** Of several demands the strictest: the largest quorum, the shortest times; and all groups. `undefined` for none. */
export function mergeDemands(demands: readonly ApprovalDemand[]): ApprovalDemand | undefined {
  if (demands.length === 0) return undefined;
  return {
    quorum: {
      n: Math.max(...demands.map(({ quorum }) => quorum.n)),
      groups: [...new Set(demands.flatMap(({ quorum }) => quorum.groups))].sort(),
    },
    expiresAfterMs: Math.min(...demands.map(({ expiresAfterMs }) => expiresAfterMs)),
    useWithinMs: Math.min(...demands.map(({ useWithinMs }) => useWithinMs)),
  };
}

const HINT =
  'Known are @id, and for permits that read context.approved @groups, @quorum, @expires_after and @use_within.';

/** Whether an expression of Cedar's JSON form names `context.approved`. */
function readsApproved(expression: unknown): boolean {
  if (typeof expression !== 'object' || expression === null) return false;
  const { left, attr } = expression as { readonly left?: { readonly Var?: unknown }; readonly attr?: unknown };
  if (attr === 'approved' && left?.Var === 'context') return true;
  return Object.values(expression).some(readsApproved);
}

function groupsOf(text: string | undefined, where: string): readonly string[] {
  if (text === undefined) {
    throw new UserError(`${where}: reads context.approved and does not say who may approve`, {
      hint: 'Add @groups("…") with groups of the approver registry.',
    });
  }
  const groups = text.split(',').map((group) => group.trim());
  if (groups.every(isName) && new Set(groups).size === groups.length) return groups.sort();
  throw new UserError(`${where}: @groups("${text}") is not a list of groups`, {
    hint: 'Write names with commas between, each once, for example @groups("refund-approvers, finance").',
  });
}

function quorumOf(text: string, where: string): number {
  const n = /^[1-9]\d?$/.test(text) ? Number(text) : Number.NaN;
  if (n <= MAX_QUORUM) return n;
  throw new UserError(`${where}: @quorum("${text}") is not a number of people`, {
    hint: `Write a whole number from 1 to ${MAX_QUORUM}.`,
  });
}

function durationOf(
  annotations: ReadonlyMap<string, string>,
  name: 'expires_after' | 'use_within',
  where: string,
): number {
  const text = annotations.get(name) ?? DEFAULTS[name];
  const [, count = '', unit = ''] = /^([1-9]\d{0,6}) (second|minute|hour|day)s?$/.exec(text) ?? [];
  const durationMs = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  if (durationMs <= MAX_DURATION_MS) return durationMs;
  throw new UserError(`${where}: @${name}("${text}") is not a duration`, {
    hint: 'Write a whole number of seconds, minutes, hours or days, at most 365 days, for example "24 hours".',
  });
}
