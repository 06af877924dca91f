// What a permit asks of people before it counts, read from its annotations. A slip in one is an error at load, never a default.
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { UserError } from '../runtime/errors.ts';
import type { ApprovalDemand } from '../workflows/protocol/index.ts';
import { MASK_ANNOTATIONS } from './mask-demand.ts';
import { isName } from './names.ts';

const MINUTE_MS = 60_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  second: 1000,
  minute: MINUTE_MS,
  hour: 60 * MINUTE_MS,
  day: 24 * 60 * MINUTE_MS,
};
const MAX_DURATION_MS = 365 * 24 * 60 * MINUTE_MS;
export const MAX_QUORUM = 20;
const DEFAULTS = { quorum: '1', expires_after: '24 hours', use_within: '72 hours' } as const;
export const DEFAULT_EXPIRES_AFTER_MS = 24 * 60 * MINUTE_MS;
export const DEFAULT_USE_WITHIN_MS = 72 * 60 * MINUTE_MS;
const KNOWN: ReadonlySet<string> = new Set([
  'id',
  'groups',
  ...Object.keys(DEFAULTS),
  'reroute_to',
  'reroute_after',
  ...MASK_ANNOTATIONS,
]);

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
  const annotated = [...annotations.keys()].some((name) => name !== 'id' && !MASK_ANNOTATIONS.has(name));
  const waits = policy.effect === 'permit' && policy.conditions.some(({ body }) => readsApproved(body));
  if (!annotated && !waits) return undefined;
  if (!waits) {
    throw new UserError(`${where}: asks for an approval and does not depend on one`, {
      hint: 'Only a permit whose conditions read context.approved waits for people. Add it, or drop the annotations.',
    });
  }

  const groups = askedOf(annotations.get('groups'), where);
  const n = quorumOf(annotations.get('quorum') ?? DEFAULTS.quorum, where);
  const expiresAfterMs = durationOf('expires_after', annotations.get('expires_after') ?? DEFAULTS.expires_after, where);
  const useWithinMs = durationOf('use_within', annotations.get('use_within') ?? DEFAULTS.use_within, where);
  if (useWithinMs < expiresAfterMs) {
    throw new UserError(`${where}: what is approved late could not be used: @use_within ends before @expires_after`, {
      hint: `Both count from the request. Without the annotations they are ${DEFAULTS.use_within} and ${DEFAULTS.expires_after}.`,
    });
  }
  const reroute = rerouteOf(annotations, { groups, expiresAfterMs }, where);
  if (reroute !== undefined && isAboutBudgets(policy.action)) {
    throw new UserError(`${where}: @reroute_to on a permit of extend_budget: only calls are rerouted`, {
      hint: 'Name everybody who may decide in @groups.',
    });
  }
  return { quorum: { n, groups }, expiresAfterMs, useWithinMs, ...(reroute !== undefined && { reroute }) };
}

function isAboutBudgets(action: PolicyJson['action']): boolean {
  const { entity } = action as { readonly entity?: { readonly id?: string } };
  return entity?.id === 'extend_budget';
}

/**
 * Of several demands the strictest: the largest quorum, the shortest times; and all groups. Rerouting that would come after the end of
 * deciding falls away. `undefined` for none.
 */
export function mergeDemands(demands: readonly ApprovalDemand[]): ApprovalDemand | undefined {
  if (demands.length === 0) return undefined;
  const expiresAfterMs = Math.min(...demands.map((demand) => demand.expiresAfterMs));
  const reroutes = demands.flatMap(({ reroute }) => (reroute === undefined ? [] : [reroute]));
  const afterMs = Math.min(...reroutes.map((reroute) => reroute.afterMs));
  const to = [...new Set(reroutes.flatMap(({ groups }) => groups))].sort();
  return {
    quorum: {
      n: Math.max(...demands.map(({ quorum }) => quorum.n)),
      groups: [...new Set(demands.flatMap(({ quorum }) => quorum.groups))].sort(),
    },
    expiresAfterMs,
    useWithinMs: Math.min(...demands.map(({ useWithinMs }) => useWithinMs)),
    ...(afterMs < expiresAfterMs && { reroute: { afterMs, groups: to } }),
  };
}

const HINT =
  'Known are @id, and for permits that read context.approved @groups, @quorum, @expires_after, @use_within, @reroute_to and @reroute_after; for permits of send_to_model @mask and @restore.';

/** Whether an expression of Cedar's JSON form names `context.approved`. */
function readsApproved(expression: unknown): boolean {
  if (typeof expression !== 'object' || expression === null) return false;
  const { left, attr } = expression as { readonly left?: { readonly Var?: unknown }; readonly attr?: unknown };
  if (attr === 'approved' && left?.Var === 'context') return true;
  return Object.values(expression).some(readsApproved);
}

function askedOf(text: string | undefined, where: string): readonly string[] {
  if (text !== undefined) return groupsOf('groups', text, where);
  throw new UserError(`${where}: reads context.approved and does not say who may approve`, {
    hint: 'Add @groups("…") with groups of the approver registry.',
  });
}

function rerouteOf(
  annotations: ReadonlyMap<string, string>,
  { groups, expiresAfterMs }: { readonly groups: readonly string[]; readonly expiresAfterMs: number },
  where: string,
): ApprovalDemand['reroute'] {
  const [to, after] = [annotations.get('reroute_to'), annotations.get('reroute_after')];
  if (to === undefined && after === undefined) return undefined;
  if (to === undefined || after === undefined) {
    throw new UserError(`${where}: @reroute_to and @reroute_after go together`, {
      hint: 'Say whom and when, for example @reroute_to("supervisors") @reroute_after("4 hours").',
    });
  }
  const rerouted = { afterMs: durationOf('reroute_after', after, where), groups: groupsOf('reroute_to', to, where) };
  if (rerouted.afterMs >= expiresAfterMs) {
    throw new UserError(`${where}: nobody would be asked next: @reroute_after is not before @expires_after`, {
      hint: `Both count from the request. Without the annotation @expires_after is ${DEFAULTS.expires_after}.`,
    });
  }
  if (rerouted.groups.some((group) => !groups.includes(group))) return rerouted;
  throw new UserError(`${where}: @reroute_to("${to}") names nobody who is not asked from the start`, {
    hint: 'Name a group that is not in @groups.',
  });
}

function groupsOf(name: 'groups' | 'reroute_to', text: string, where: string): readonly string[] {
  const groups = text.split(',').map((group) => group.trim());
  if (groups.every(isName) && new Set(groups).size === groups.length) return groups.sort();
  throw new UserError(`${where}: @${name}("${text}") is not a list of groups`, {
    hint: `Write names with commas between, each once, for example @${name}("refund-approvers, finance").`,
  });
}

function quorumOf(text: string, where: string): number {
  const n = /^[1-9]\d?$/.test(text) ? Number(text) : Number.NaN;
  if (n <= MAX_QUORUM) return n;
  throw new UserError(`${where}: @quorum("${text}") is not a number of people`, {
    hint: `Write a whole number from 1 to ${MAX_QUORUM}.`,
  });
}

function durationOf(name: 'expires_after' | 'use_within' | 'reroute_after', text: string, where: string): number {
  const [, count = '', unit = ''] = /^([1-9]\d{0,6}) (second|minute|hour|day)s?$/.exec(text) ?? [];
  const durationMs = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  if (durationMs <= MAX_DURATION_MS) return durationMs;
  throw new UserError(`${where}: @${name}("${text}") is not a duration`, {
    hint: 'Write a whole number of seconds, minutes, hours or days, at most 365 days, for example "24 hours".',
  });
}
