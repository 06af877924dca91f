// What verdicts are told of the run that they are made in, and of a call that was frozen in it.
import type { RunFacts } from '../policies/judge.ts';
import type { CallFacts } from '../policies/judge-call.ts';
import type { ReleaseBody } from '../releases/release.ts';
import type { Amount, RunId, Sensitivity } from '../workflows/protocol/index.ts';
import { parseRunId, SENSITIVITY_RANK } from '../workflows/protocol/index.ts';
import type { FrozenCall } from './frozen-calls.ts';

export function runFactsOf(
  { runId, tenant }: { readonly runId: RunId; readonly tenant: string },
  release: Pick<ReleaseBody, 'name' | 'version' | 'risk'>,
): RunFacts {
  const { name, version, risk } = release;
  return { tenant, requestType: parseRunId(runId)?.kind ?? '', release: { name, version, risk } };
}

export const nameOf = ({ name, version }: Pick<ReleaseBody, 'name' | 'version'>): string => `${name}@${version}`;

/**
 * As the call was judged. What a call of an earlier version does not say counts as the worst; of its flags, what follows from the rest,
 * since the ledger knows of the calls before it.
 */
export function callFactsOf({ verdict }: FrozenCall): CallFacts {
  const { context } = verdict.facts;
  const { origins, compensates } = context;
  const amount = amountOf(context);
  return {
    sawUntrusted: context['saw_untrusted'] === true,
    reachedSensitive: context['reached_sensitive'] === true,
    acted: context['acted'] === true,
    sensitivity: SENSITIVITIES.find((each) => SENSITIVITY_RANK[each] === context['sensitivity']) ?? 'restricted',
    origins: Array.isArray(origins) ? origins.map(String) : [],
    untrustedArguments: Number(context['untrusted_arguments'] ?? 0),
    repeated: context['repeated'] === true,
    ...(amount !== undefined && { amount }),
    ...(typeof compensates === 'string' && { compensates }),
  };
}

/** What the call moves, as it was judged; `undefined` where its tool did not say. */
export function amountOf({ amount, currency }: FrozenCall['verdict']['facts']['context']): Amount | undefined {
  if (typeof amount !== 'number') return undefined;
  return { value: amount, ...(typeof currency === 'string' && { currency }) };
}

const SENSITIVITIES = Object.keys(SENSITIVITY_RANK) as Sensitivity[];

export const rulesText = (rules: readonly string[]): string =>
  rules.length > 0 ? rules.join(', ') : 'no policy allows it';
