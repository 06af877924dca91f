// `admit`: who asks, for what, and may they. Real policies and signatures; ledger and registry are scripted.
import type { CryptoKey } from 'jose';
import { generateKeyPair, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AdmitDependencies } from '../../activities/admit.ts';
import { createAdmit } from '../../activities/admit.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import type { Release, ReleaseBody } from '../../releases/release.ts';
import { pinned, releaseDigest } from '../../releases/release.ts';
import type { AssertionKey } from '../../runtime/assertion.ts';
import { signAssertion } from '../../runtime/assertion.ts';
import { keyedHash } from '../../runtime/canonical.ts';
import type { StartedRun } from '../../runtime/keys/index.ts';
import { startHash } from '../../runtime/start-hash.ts';
import type { AdmitInput, Principal, RunId } from '../../workflows/protocol/index.ts';
import { Failure, HashPrefix } from '../../workflows/protocol/index.ts';

const RUN: RunId = 'default/answer/01J00000000000000000000000';
const GENERATION = { id: 'gen-1', digest: `sha256:${'c'.repeat(64)}` } as const;
const ada: Principal = { id: 'ada', tenant: 'default', groups: ['customers'], roles: [], clearance: 'public' };
const otto: Principal = {
  id: 'otto',
  tenant: 'default',
  groups: ['staff'],
  roles: ['operator'],
  clearance: 'internal',
};
const policy = loadAccessPolicy('policies');
const body: ReleaseBody = {
  v: 1,
  name: 'refunds',
  version: '1.0.0',
  prompt: 'Be kind.',
  model: { name: 'm', provider: 'local', id: 'extractive' },
  temperature: 0,
  maxOutputTokens: 500,
  retrieval: { collection: 'docs', topK: 5, minScore: 0.5 },
  rules: { requireCitations: true, refuseIfNotInContext: true },
  risk: 'low',
};
const release: Release = { digest: releaseDigest(body), body };
const runKey = new Uint8Array(32).fill(7);
const REQUEST = { question: 'May I?' };
const ledgered: StartedRun = {
  key: runKey,
  requester: 'ada',
  releaseDigest: release.digest,
  collection: null,
  requestHash: startHash(runKey, { kind: 'answer', releaseRef: 'refunds', collection: undefined, request: REQUEST }),
};

let signer: AssertionKey;
let forger: AssertionKey;
let dependencies: AdmitDependencies;
let input: AdmitInput;

const fail = (what: string) => async (): Promise<never> => {
  throw new Error(`${what} was not scripted`);
};

beforeAll(async () => {
  const [own, foreign] = [await generateKeyPair('EdDSA'), await generateKeyPair('EdDSA')];
  signer = { kid: 'local', key: own.privateKey, x: '' };
  forger = { kid: 'local', key: foreign.privateKey, x: '' };
  dependencies = {
    runKeys: { find: async (runId) => (runId === RUN ? ledgered : undefined) },
    policy,
    assertionKey: { kid: 'local', key: own.publicKey, x: '' },
    findRelease: async (tenant, digest) => (tenant === 'default' && digest === release.digest ? release : undefined),
    lookUp: async (tenant, collection) => ({
      denials: [],
      ...(tenant === 'default' && collection === 'docs' && { generation: GENERATION }),
    }),
    declared: ['lookup'],
    buildId: 'build-1',
    allowCollectionOverride: false,
  };
  input = {
    v: 1,
    runId: RUN,
    tenant: 'default',
    stepPath: 'answer/admit#1',
    workflowType: 'answer',
    action: 'ask',
    startedAt: new Date().toISOString(),
    assertion: await signAssertion(signer, ada, RUN),
    release: { ref: 'refunds', digest: release.digest },
    request: REQUEST,
  };
});

const admit = async (change: Partial<AdmitInput> = {}, others: Partial<AdmitDependencies> = {}) =>
  await createAdmit({ ...dependencies, ...others })({ ...input, ...change });

const startedAs = (start: Partial<StartedRun>): Partial<AdmitDependencies> => ({
  runKeys: { find: async () => ({ ...ledgered, ...start }) },
});

const hashOf = ({ workflowType: kind, release: named, collection, request }: AdmitInput): string =>
  startHash(runKey, { kind, releaseRef: named?.ref, collection, request });

/** Claims as the gateway makes them, changed and signed. */
async function assertionOf(change: {
  readonly claims?: Record<string, unknown>;
  readonly key?: CryptoKey;
  readonly kid?: string;
  readonly issuedAt?: number;
}): Promise<string> {
  const { claims = {}, key = signer.key, kid = 'local', issuedAt = Math.floor(Date.now() / 1000) } = change;
  return await new SignJWT({ v: 1, run: RUN, principal: { ...ada }, ...claims })
    .setProtectedHeader({ alg: 'EdDSA', kid })
    .setIssuedAt(issuedAt)
    .sign(key);
}

describe('an admission', () => {
  it('has the principal, the verdict, the pinned release, the index generation and what the worker declares', async () => {
    expect(await admit()).toEqual({
      v: 1,
      principal: ada,
      verdict: {
        v: 1,
        decision: 'allow',
        rules: ['customers-and-staff-may-ask'],
        policyDigest: policy.digest,
        facts: {
          principal: ada,
          action: 'ask',
          resource: { type: 'Release', id: 'refunds@1.0.0' },
          context: { workflow: 'answer', detected: [] },
        },
      },
      release: pinned(release),
      generation: GENERATION,
      declared: ['lookup'],
      buildId: 'build-1',
      inputHash: keyedHash(runKey, HashPrefix.StepInput, input),
      durationMs: expect.any(Number),
    });
  });

  it('of somebody who may not is a deny, and no index is looked up for it', async () => {
    const assertion = await assertionOf({ claims: { principal: { ...ada, groups: [] } } });
    const admission = await admit({ assertion }, { lookUp: fail('the index') });
    expect(admission.verdict).toMatchObject({ decision: 'deny', rules: [] });
    expect(admission).not.toHaveProperty('generation');
  });

  it.each([
    ['its release', { kind: 'release', name: 'refunds@1.0.0' }],
    ['every version of its release', { kind: 'release', name: 'refunds' }],
    ['its principal', { kind: 'principal', name: 'ada' }],
  ] as const)('is a deny by the denial of %s, which the verdict names', async (_, denial) => {
    const lookUp = async () => ({ denials: [{ id: '01JD', ...denial }], generation: GENERATION });
    const admission = await admit({}, { lookUp });
    expect(admission.verdict).toMatchObject({
      decision: 'deny',
      rules: ['deny-now:01JD'],
      policyDigest: policy.digest,
      facts: { principal: ada, action: 'ask', resource: { id: 'refunds@1.0.0' } },
    });
    expect(admission).not.toHaveProperty('generation');
  });

  it.each([
    ['another version', { kind: 'release', name: 'refunds@1.0.1' }],
    ['a release whose name begins alike', { kind: 'release', name: 'refund' }],
    ['somebody else', { kind: 'principal', name: 'eve' }],
    ['a tool that has the name of its principal', { kind: 'tool', name: 'ada' }],
  ] as const)('is not touched by the denial of %s', async (_, denial) => {
    const admission = await admit({}, { lookUp: async () => ({ denials: [{ id: '01JD', ...denial }] }) });
    expect(admission.verdict.decision).toBe('allow');
  });

  it('fails when it cannot be read what is denied', async () => {
    await expect(admit({}, { lookUp: fail('the ledger') })).rejects.toThrow('the ledger was not scripted');
  });

  it('without an assertion is of anonymous, who may nothing', async () => {
    const { assertion: _, ...bare } = input;
    const admission = await createAdmit({ ...dependencies, ...startedAs({ requester: 'anonymous' }) })(bare);
    expect(admission.principal).toEqual({
      id: 'anonymous',
      tenant: 'default',
      groups: [],
      roles: [],
      clearance: 'public',
    });
    expect(admission.verdict.decision).toBe('deny');
  });

  it('of an ingest is judged on its collection', async () => {
    const change = {
      action: 'ingest',
      workflowType: 'ingest',
      collection: 'docs',
      assertion: await assertionOf({ claims: { principal: otto } }),
    } as const;
    const { release: _, ...bare } = { ...input, ...change };
    const as = startedAs({ requester: 'otto', releaseDigest: null, collection: 'docs', requestHash: hashOf(bare) });
    const admission = await createAdmit({ ...dependencies, ...as })(bare);
    expect(admission.verdict).toMatchObject({
      decision: 'allow',
      rules: ['operators-may-ingest'],
      facts: { resource: { type: 'Collection', id: 'docs' } },
    });
  });

  it('without what is asked for fails for good', async () => {
    const { release: _, ...bare } = input;
    const admitting = createAdmit({
      ...dependencies,
      ...startedAs({ releaseDigest: null, requestHash: hashOf(bare) }),
    })(bare);
    await expect(admitting).rejects.toMatchObject({ type: Failure.InvalidInput, nonRetryable: true });
  });

  it('of a prompt-only release asks for no index', async () => {
    const asked: (string | undefined)[] = [];
    const lookUp: AdmitDependencies['lookUp'] = async (_, collection) => {
      asked.push(collection);
      return { denials: [] };
    };
    const { retrieval: _, ...alone } = body;
    const promptOnly = { digest: release.digest, body: alone };
    const admission = await admit({}, { findRelease: async () => promptOnly, lookUp });
    expect(admission.verdict.decision).toBe('allow');
    expect(admission).not.toHaveProperty('generation');
    expect(asked).toEqual([undefined]);
  });

  it('for a release that is not in the registry fails for good', async () => {
    const missing = { findRelease: async () => undefined };
    await expect(admit({}, missing)).rejects.toMatchObject({ type: Failure.ReleaseNotFound, nonRetryable: true });
  });
});

describe('a start that the ledger does not bear out', () => {
  it('without a row fails for good, before anything is looked up', async () => {
    const nothing = { findRelease: fail('the registry'), lookUp: fail('the index') };
    const admitting = admit({ runId: 'default/answer/01J00000000000000000000001' }, nothing);
    await expect(admitting).rejects.toMatchObject({ type: Failure.NotInLedger, nonRetryable: true });
  });

  it.each<[string, Partial<StartedRun>]>([
    ['principal', { requester: 'eve' }],
    ['release', { releaseDigest: `sha256:${'d'.repeat(64)}` }],
    ['release', { releaseDigest: null }],
    ['collection', { collection: 'other' }],
  ])('with another %s fails for good: %j', async (what, start) => {
    const admitting = admit({}, { ...startedAs(start), findRelease: fail('the registry') });
    await expect(admitting).rejects.toMatchObject({ type: Failure.NotAsLedgered, nonRetryable: true });
    await expect(admitting).rejects.toThrow(`another ${what}`);
  });

  it('with a collection in the start event that the ledger lacks fails for good', async () => {
    await expect(admit({ collection: 'docs' }, { allowCollectionOverride: true })).rejects.toMatchObject({
      type: Failure.NotAsLedgered,
    });
  });

  it.each<[string, Partial<AdmitInput>]>([
    ['question', { request: { question: 'May I do anything?' } }],
    ['workflow type', { workflowType: 'agent' }],
    ['name for its release', { release: { ref: 'refunds@dev', digest: release.digest } }],
  ])('with another %s fails for good', async (_, change) => {
    const admitting = admit(change, { findRelease: fail('the registry') });
    await expect(admitting).rejects.toMatchObject({ type: Failure.NotAsLedgered, nonRetryable: true });
  });

  it("without its assertion, as anonymous in somebody's place, fails for good", async () => {
    const { assertion: _, ...bare } = input;
    await expect(createAdmit(dependencies)(bare)).rejects.toMatchObject({ type: Failure.NotAsLedgered });
  });
});

describe('a collection of its own', () => {
  const request = { kind: 'answer', releaseRef: 'refunds', collection: 'mine', request: REQUEST };
  const own = startedAs({ collection: 'mine', requestHash: startHash(runKey, request) });

  it('is refused where the stack is not a development one', async () => {
    const admitting = admit({ collection: 'mine' }, { ...own, lookUp: fail('the index') });
    await expect(admitting).rejects.toMatchObject({ type: Failure.InvalidInput, nonRetryable: true });
  });

  it('is searched on a development stack, with the other settings of the release', async () => {
    const asked: (string | undefined)[] = [];
    const admission = await admit(
      { collection: 'mine' },
      {
        ...own,
        allowCollectionOverride: true,
        lookUp: async (_, collection) => {
          asked.push(collection);
          return { denials: [], generation: GENERATION };
        },
      },
    );
    expect(admission.release?.retrieval).toEqual({ collection: 'mine', topK: 5, minScore: 0.5 });
    expect(asked).toEqual(['mine']);
  });
});

describe('an assertion is refused that', () => {
  const refused = async (assertion: string, change: Partial<AdmitInput> = {}): Promise<void> => {
    const error: unknown = await admit({ ...change, assertion }, { findRelease: fail('the registry') }).catch(
      (cause: unknown) => cause,
    );
    expect(error).toMatchObject({ type: Failure.AssertionInvalid, nonRetryable: true });
    expect((error as Error).message).toContain(RUN);
    if (assertion !== '') expect((error as Error).message).not.toContain(assertion);
  };

  it('another key signed', async () => {
    await refused(await assertionOf({ key: forger.key }));
  });

  it('names another key than the one that verifies', async () => {
    await refused(await assertionOf({ kid: 'other' }));
  });

  it('was made for another run', async () => {
    await refused(await assertionOf({ claims: { run: 'default/answer/01J00000000000000000000001' } }));
  });

  it('is of another tenant', async () => {
    await refused(await assertionOf({ claims: { principal: { ...ada, tenant: 'acme' } } }));
  });

  it.each([-11, 11])('was issued %i minutes from the start', async (minutes) => {
    await refused(await assertionOf({ issuedAt: Math.floor(Date.now() / 1000) + minutes * 60 }));
  });

  it('has no time of issue', async () => {
    const claims = { v: 1, run: RUN, principal: { ...ada } };
    await refused(await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', kid: 'local' }).sign(signer.key));
  });

  it('is judged around a start that has no time', async () => {
    await refused(input.assertion ?? '', { startedAt: 'now' });
  });

  it('has the algorithm none', async () => {
    const [, payload] = (input.assertion ?? '').split('.');
    const header = Buffer.from('{"alg":"none","kid":"local"}').toString('base64url');
    await refused(`${header}.${payload}.`);
  });

  it('names the algorithm by another name than the pinned one', async () => {
    const jwt = new SignJWT({ v: 1, run: RUN, principal: { ...ada } }).setIssuedAt();
    await refused(await jwt.setProtectedHeader({ alg: 'Ed25519', kid: 'local' }).sign(signer.key));
  });

  it('is keyed by HMAC with the public key', async () => {
    const secret = new TextEncoder().encode('local');
    await refused(
      await new SignJWT({ v: 1, run: RUN, principal: { ...ada } })
        .setProtectedHeader({ alg: 'HS256', kid: 'local' })
        .setIssuedAt()
        .sign(secret),
    );
  });

  it('had a group added after it was signed', async () => {
    const [header, payload = '', signature] = (input.assertion ?? '').split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { principal: Principal };
    const forged = { ...claims, principal: { ...claims.principal, groups: ['customers', 'staff'] } };
    await refused([header, Buffer.from(JSON.stringify(forged)).toString('base64url'), signature].join('.'));
  });

  it.each(['', 'x', 'a.b.c', '...'])('is no JWS: %j', async (text) => {
    await refused(text);
  });

  it.each([
    ['lacks its groups', { id: 'ada', tenant: 'default', roles: [], clearance: 'public' }],
    ['has an empty id', { ...ada, id: '' }],
    ['has a clearance that there is not', { ...ada, clearance: 'all' }],
  ])('%s', async (_, principal) => {
    await refused(await assertionOf({ claims: { principal } }));
  });
});
