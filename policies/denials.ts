// Denials at once: a tool, a release or a principal that somebody took out of use, in the ledger and not in a file, so that it holds
// from the next verdict on, in every worker. Pure: reading and writing them is done elsewhere.
import type { Verdict, VerdictFacts } from '../workflows/protocol/index.ts';
import { WIRE_VERSION } from '../workflows/protocol/index.ts';
import type { AccessPolicy } from './load.ts';

export type DenialKind = 'tool' | 'release' | 'principal';

/** One that stands. */
export interface Denial {
  readonly id: string;
  readonly kind: DenialKind;
  /** Name of the tool; `name` or `name@version` of the release; id of the principal. */
  readonly name: string;
}

/** What a verdict is about. */
export interface DenialTarget {
  readonly tool?: string;
  /** `name@version`. */
  readonly release?: string;
  readonly principals: readonly string[];
}

/** How verdicts name it. */
export const denialRule = (id: string): string => `deny-now:${id}`;

/** The rules of the denials that hit, in order; empty for none. */
export function denialRules(standing: readonly Denial[], target: DenialTarget): readonly string[] {
  const hit = standing.filter(({ kind, name }) => namesOf(target)[kind].includes(name));
  return hit.map(({ id }) => denialRule(id)).sort();
}

/** By which names each kind of denial hits the target. */
export function namesOf({ tool, release, principals }: DenialTarget): Readonly<Record<DenialKind, readonly string[]>> {
  const [name = ''] = release?.split('@') ?? [];
  return {
    tool: tool === undefined ? [] : [tool],
    release: release === undefined ? [] : [name, release],
    principal: principals,
  };
}

/** The verdict that denials make, whatever the policies say. */
export function deniedNow(policy: AccessPolicy, facts: VerdictFacts, rules: readonly string[]): Verdict {
  return { v: WIRE_VERSION, decision: 'deny', rules, policyDigest: policy.digest, facts };
}
