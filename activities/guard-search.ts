// The access policy before a search: of the step `retrieve`, and of a tool that searches.
import { ApplicationFailure } from '@temporalio/common';
import type { Denial } from '../policies/denials.ts';
import { denialRules } from '../policies/denials.ts';
import { judgeRetrieval } from '../policies/judge-retrieval.ts';
import type { AccessPolicy } from '../policies/load.ts';
import type { ReleaseBody } from '../releases/release.ts';
import type { StartedRun } from '../runtime/keys/index.ts';
import type { Principal, Retrieval, RetrieveInput, RunId, Verdict } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import type { Denials } from './denials.ts';
import type { Releases } from './release-cache.ts';
import type { Search } from './retrieve.ts';
import { nameOf, rulesText, runFactsOf } from './run-facts.ts';

export interface GuardSearchDependencies {
  readonly policy: AccessPolicy;
  readonly releases: Releases;
  readonly denials: Denials;
}

/** With the verdict; `denied` and empty when the policy says no: nothing is searched then. */
export type GuardedSearch = (
  input: Omit<RetrieveInput, 'v' | 'stepPath'>,
  start: Pick<StartedRun, 'releaseDigest'>,
) => Promise<Awaited<ReturnType<Search>> & Required<Pick<Retrieval, 'access'>>>;

export function guardSearch(search: Search, { policy, releases, denials }: GuardSearchDependencies): GuardedSearch {
  return async (input, { releaseDigest }) => {
    const { runId, tenant, retrieval } = input;
    const { collection } = retrieval;
    if (releaseDigest === null) {
      throw ApplicationFailure.nonRetryable(
        `Run ${runId} was started without a release, and so has nothing to search`,
        Failure.InvalidInput,
      );
    }
    const [{ body }, standing] = await Promise.all([releases.require(tenant, releaseDigest), denials.recent(tenant)]);
    const { access, reason } = judgeSearch(policy, { ...input, collection }, body, standing);
    if (reason === undefined) return { ...(await search(input)), access };
    return { verdict: 'denied', passages: [], coverage: 0, reason, access };
  };
}

interface AskedSearch {
  readonly runId: RunId;
  readonly tenant: string;
  readonly principal: Principal;
  readonly collection: string;
}

/** With why not, for people, where the policy says no. */
export function judgeSearch(
  policy: AccessPolicy,
  asked: AskedSearch,
  body: ReleaseBody,
  standing: readonly Denial[],
): { readonly access: Verdict; readonly reason?: string } {
  const { principal, collection } = asked;
  const denied = denialRules(standing, { release: nameOf(body), principals: [principal.id] });
  const access = judgeRetrieval(policy, { ...runFactsOf(asked, body), principal, collection }, denied);
  if (access.decision !== 'deny') return { access };
  const rules = rulesText(access.rules);
  return { access, reason: `The access policy does not let ${principal.id} search ${collection} here (${rules}).` };
}
