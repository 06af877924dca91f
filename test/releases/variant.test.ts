// A release with another model in place of its own, in a real PostgreSQL, as the gateway role.
import { beforeAll, describe, expect, it } from 'vitest';
import { loadAccessPolicy } from '../../policies/load.ts';
import { listReleases } from '../../releases/list.ts';
import type { ModelEntry } from '../../releases/models.ts';
import { findRelease } from '../../releases/registry.ts';
import type { Release, ReleaseBody } from '../../releases/release.ts';
import { releaseDigest } from '../../releases/release.ts';
import type { Variant } from '../../releases/variant.ts';
import { enterVariant } from '../../releases/variant.ts';
import { NO_DEMANDS } from '../../testing/no-demands.ts';
import type { Principal } from '../../workflows/protocol/index.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();
const tenant = 'variants';
const ADA: Principal = { id: 'ada', tenant, groups: [], roles: ['publisher'], clearance: 'public' };
const far = (name: string): ReleaseBody['model'] => ({
  name,
  provider: 'openai-compatible',
  id: name,
  baseUrl: 'https://llm.example.com',
});
const body: ReleaseBody = {
  ...({ v: 1, name: 'refunds', version: '1.0.0', prompt: 'Be kind.', model: far('big') } as const),
  route: [{ model: far('small'), when: { maxInputTokens: 10 } }],
  fallbacks: [far('spare')],
  ...{ temperature: 0, maxOutputTokens: 500, rules: { requireCitations: false, refuseIfNotInContext: false } },
  risk: 'low',
};
const release: Release = { body, digest: releaseDigest(body) };
const models = new Map<string, ModelEntry>([
  ['quotes', { provider: 'local', model: 'extractive' }],
  ['plays', { provider: 'local', model: 'scripted' }],
  ['far away', { provider: 'openai-compatible', model: 'f', base_url: 'https://llm.example.com' }],
]);
let policy = loadAccessPolicy('policies');
beforeAll(() => {
  policy = { ...policy, riskClasses: NO_DEMANDS };
});
const enter = async (model: string, more: Partial<Variant> = {}): Promise<Release> =>
  await enterVariant({ db: database.db('gateway'), tenant, principal: ADA, policy, release, models, model, ...more });

describe('a variant', () => {
  it('has that model alone, is a version of its own, and no label points to it', async () => {
    const variant = await enter('quotes');
    const { route: _, fallbacks: _fallbacks, ...rest } = body;
    const model = { name: 'quotes', provider: 'local', id: 'extractive' } as const;
    expect(variant.body).toEqual({ ...rest, version: '1.0.0-quotes', model });
    const sql = database.db('gateway').of(tenant);
    expect(await findRelease(sql, tenant, variant.digest)).toEqual(variant);
    expect(await listReleases(sql, { tenant })).toMatchObject([{ version: '1.0.0-quotes', labels: [] }]);
    expect((await enter('quotes')).digest).toBe(variant.digest);
    expect((await enter('far away')).body.version).toBe('1.0.0-far-away');
  });

  it.each([
    ['none', {}, 'none is not in models.yaml'],
    ['plays', {}, 'only plays its own release'],
    ['quotes', { principal: { ...ADA, roles: [] } }, 'ada may not publish refunds@1.0.0-quotes'],
    [
      'quotes',
      { models: new Map<string, ModelEntry>([['quotes', { provider: 'local', model: 'scripted' }]]) },
      'only plays its own release',
    ],
  ])('with %s is refused', async (model, more, text) => {
    await expect(enter(model, more)).rejects.toThrow(text);
  });

  it('whose model its risk class does not allow, or that is another by now, is refused', async () => {
    const low = { ...NO_DEMANDS.low, models: ['openai/*'] };
    const strict = { ...policy, riskClasses: { ...NO_DEMANDS, low } };
    await expect(enter('quotes', { policy: strict })).rejects.toThrow('risk class low does not allow local/quotes');
    const other = new Map<string, ModelEntry>([
      ['quotes', { provider: 'openai-compatible', model: 'q', base_url: 'https://llm.example.com' }],
    ]);
    await expect(enter('quotes', { models: other })).rejects.toThrow('is in the registry with another content');
  });

  it('without a price is refused where the release limits its cost', async () => {
    const limited = { ...body, budgets: { maxCostUsd: 1 } as never };
    const asked = { release: { body: limited, digest: releaseDigest(limited) } };
    await expect(enter('far away', asked)).rejects.toThrow('far away has no prices');
  });
});
