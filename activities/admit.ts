// The verb `admit`: who asks, what for, and may they. Nothing of a run happens before it.
import { ApplicationFailure } from '@temporalio/common';
import type { Denial } from '../policies/denials.ts';
import { denialRules, deniedNow } from '../policies/denials.ts';
import { judge } from '../policies/judge.ts';
import type { AccessPolicy } from '../policies/load.ts';
import type { Release } from '../releases/release.ts';
import { pinned } from '../releases/release.ts';
import type { AssertionKey } from '../runtime/assertion.ts';
import { scanAtOnce } from '../runtime/detection/scan.ts';
import type { RunKeys, StartedRun } from '../runtime/keys/index.ts';
import { startHash } from '../runtime/start-hash.ts';
import type {
  AdmitInput,
  DetectedKind,
  EngineActivities,
  IndexGeneration,
  PinnedRelease,
  Principal,
  Verdict,
} from '../workflows/protocol/index.ts';
import { DETECTED_KINDS, Failure } from '../workflows/protocol/index.ts';
import { localStep } from './local-step.ts';
import { principalOf } from './principal.ts';
import { nameOf } from './run-facts.ts';

export interface AdmitDependencies {
  readonly runKeys: RunKeys;
  readonly policy: AccessPolicy;
  /** Key that principal assertions must verify against. */
  readonly assertionKey: AssertionKey;
  findRelease(tenant: string, digest: `sha256:${string}`): Promise<Release | undefined>;
  /** What is denied in the tenant now, and the current generation of a collection: one statement. */
  lookUp(tenant: string, collection: string | undefined): Promise<LookedUp>;
  /** Names of the activities that the worker's author declared. */
  readonly declared: readonly string[];
  readonly buildId: string;
  /** Whether a start may name another collection than its release does: on a development stack only. */
  readonly allowCollectionOverride: boolean;
}

export interface LookedUp {
  readonly denials: readonly Denial[];
  /** Absent without a collection, and before the first ingest has ended. */
  readonly generation?: IndexGeneration;
}

export function createAdmit(dependencies: AdmitDependencies): EngineActivities['admit'] {
  const { runKeys, policy, declared, buildId } = dependencies;
  return async (input) =>
    await localStep(runKeys, input, async (start) => {
      const principal = await principalOf(input, dependencies.assertionKey);
      requireAsLedgered(input, principal, start);
      const release = await releaseOf(input, dependencies);
      const byPolicy = judgeStart(policy, input, principal, release);
      const admission = { principal, ...(release !== undefined && { release }), declared, buildId };
      if (byPolicy.decision === 'deny') return { ...admission, verdict: byPolicy };
      const { denials, generation } = await dependencies.lookUp(input.tenant, release?.retrieval?.collection);
      const denied = denialRules(denials, {
        ...(release !== undefined && { release: nameOf(release) }),
        principals: [principal.id],
      });
      if (denied.length > 0) return { ...admission, verdict: deniedNow(policy, byPolicy.facts, denied) };
      return {
        ...admission,
        verdict: byPolicy,
        ...(generation !== undefined && { generation }),
      };
    });
}

/** The start event is anybody's who may write to the namespace; the ledger's row is not. They must agree. */
function requireAsLedgered(input: AdmitInput, principal: Principal, start: StartedRun): void {
  const differs = (what: string): ApplicationFailure =>
    ApplicationFailure.nonRetryable(
      `Run ${input.runId} was started with another ${what} than its row in the start ledger has`,
      Failure.NotAsLedgered,
    );
  if (principal.id !== start.requester) throw differs('principal');
  if ((input.release?.digest ?? null) !== start.releaseDigest) throw differs('release');
  if ((input.collection ?? null) !== start.collection) throw differs('collection');
  const { workflowType: kind, collection, request } = input;
  const content = { kind, releaseRef: input.release?.ref, collection, request };
  if (startHash(start.key, content) !== start.requestHash) throw differs('request or workflow type');
}

async function releaseOf(input: AdmitInput, dependencies: AdmitDependencies): Promise<PinnedRelease | undefined> {
  if (input.release === undefined) return undefined;
  const release = await dependencies.findRelease(input.tenant, input.release.digest);
  if (release === undefined) {
    throw ApplicationFailure.nonRetryable(
      `Run ${input.runId} is pinned to release ${input.release.ref} (${input.release.digest}), which is not in the registry`,
      Failure.ReleaseNotFound,
    );
  }
  const whole = pinned(release);
  if (input.collection === undefined || whole.retrieval === undefined) return whole;
  if (!dependencies.allowCollectionOverride) {
    throw ApplicationFailure.nonRetryable(
      `Run ${input.runId} names a collection of its own, which works on a development stack only`,
      Failure.InvalidInput,
    );
  }
  return { ...whole, retrieval: { ...whole.retrieval, collection: input.collection } };
}

function judgeStart(
  policy: AccessPolicy,
  input: AdmitInput,
  principal: Principal,
  release: PinnedRelease | undefined,
): Verdict {
  const { workflowType: workflow } = input;
  if (input.action === 'ask' && release !== undefined) {
    const context = { workflow, detected: kindsIn(input.request) };
    const resource = { type: 'Release', id: `${release.name}@${release.version}` } as const;
    const attributes = { tenant: input.tenant, risk: release.risk, name: release.name };
    return judge(policy, { principal, action: 'ask', resource, context, attributes });
  }
  if (input.action === 'ingest' && input.collection !== undefined) {
    const resource = { type: 'Collection', id: input.collection } as const;
    return judge(policy, {
      principal,
      action: 'ingest',
      resource,
      context: { workflow },
      attributes: { tenant: input.tenant },
    });
  }
  throw ApplicationFailure.nonRetryable(
    `Run ${input.runId} names no ${input.action === 'ask' ? 'release' : 'collection'} to ${input.action}`,
    Failure.InvalidInput,
  );
}

/** By the built-in detector alone: a local step asks nobody outside. */
function kindsIn(request: unknown): readonly DetectedKind[] {
  const found = new Set(scanAtOnce(JSON.stringify(request ?? null)).map(({ kind }) => kind));
  return DETECTED_KINDS.filter((kind) => found.has(kind));
}
