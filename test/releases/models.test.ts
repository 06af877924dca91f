// The model catalogue: what a release pins of a name in models.yaml, with what is known of the big providers' models.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { costOf, reserveOf } from '../../activities/model-cost.ts';
import { loadReleases } from '../../releases/load.ts';
import { isPriced, modelOf, readModels } from '../../releases/models.ts';
import { pinned as pinnedRelease, releaseBodySchema } from '../../releases/release.ts';
import { shortfallsOf } from '../../releases/risk.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const folder = useTempFolder();

function pinned(entry: string) {
  const path = folder.file('models.yaml');
  writeFileSync(path, `v: 1\nmodels:\n  big: ${entry}\n`);
  return modelOf(readModels(path).models, 'big', 'manifest.yaml: model');
}

describe('a model in models.yaml', () => {
  it('of a big provider is pinned with its address, key variable, context and prices, without a network', () => {
    expect(pinned('{ provider: openai, model: gpt-4o }')).toEqual({
      name: 'big',
      provider: 'openai',
      id: 'gpt-4o',
      baseUrl: 'https://api.openai.com/v1',
      apiKeyEnv: 'OPENAI_API_KEY',
      contextTokens: 128_000,
      inputUsdPerMillion: 2.5,
      outputUsdPerMillion: 10,
      cachedInputUsdPerMillion: 1.25,
    });
    expect(pinned('{ provider: google, model: gemini-2.5-pro }')).toMatchObject({
      apiKeyEnv: 'GEMINI_API_KEY',
      inputUsdPerMillion: 1.25,
      longPrices: [{ aboveInputTokens: 200_000, inputUsdPerMillion: 2.5, outputUsdPerMillion: 15 }],
    });
  });

  it('has what models.yaml says in place of what is known, and no mixture of prices', () => {
    const model = pinned(
      '{ provider: anthropic, model: claude-sonnet-4-5, base_url: "http://127.0.0.1:9/v1", api_key_env: OTHER_API_KEY, context_tokens: 1000, max_sensitivity: internal, input_usd_per_million: 1, output_usd_per_million: 2 }',
    );
    expect(model).toEqual({
      name: 'big',
      provider: 'anthropic',
      id: 'claude-sonnet-4-5',
      baseUrl: 'http://127.0.0.1:9/v1',
      apiKeyEnv: 'OTHER_API_KEY',
      contextTokens: 1000,
      maxSensitivity: 'internal',
      inputUsdPerMillion: 1,
      outputUsdPerMillion: 2,
    });
  });

  it('says that it reasons where its id does not, and only there', () => {
    const own = 'provider: openai-compatible, model: m, base_url: "http://127.0.0.1:9/v1"';
    expect(pinned(`{ ${own}, reasons: true }`)).toMatchObject({ reasons: true });
    expect(pinned(`{ ${own}, reasons: false }`)).not.toHaveProperty('reasons');
    expect(() => pinned('{ provider: openai, model: gpt-5, reasons: true }')).toThrow('reasons');
  });

  it('that nobody knows has no price and no context', () => {
    const model = pinned('{ provider: openai, model: nobody-knows-it }');
    expect(isPriced(model)).toBe(false);
    expect(model).not.toHaveProperty('contextTokens');
  });

  it('elsewhere is pinned as it is written, whatever its id is, and its release has the digest that it always had', () => {
    const root = join(folder.path, 'releases');
    mkdirSync(join(root, 'r'), { recursive: true });
    writeFileSync(
      join(root, 'models.yaml'),
      'v: 1\nmodels:\n  big: { provider: openai-compatible, model: gpt-4o, base_url: "http://127.0.0.1:9/v1", api_key_env: A_API_KEY, input_usd_per_million: 1, output_usd_per_million: 2 }\n',
    );
    writeFileSync(join(root, 'r/manifest.yaml'), 'name: r\nversion: 1.0.0\nmodel: big\n');
    writeFileSync(join(root, 'r/prompt.md'), 'Answer.');
    expect(loadReleases(root).map(({ digest }) => digest)).toEqual([
      'sha256:27e0a2257c9679f209b1061b92e8d0c7e039bc6f676ac0168bd245f719545f1c',
    ]);
  });

  it.each([
    ['{ provider: mistral, model: x }', 'models.big.provider'],
    ['{ provider: openai-compatible, model: x }', 'models.big.base_url'],
    ['{ provider: openai, model: x, api_key_env: sk-my-key }', 'models.big.api_key_env'],
    ['{ provider: openai, model: x, key: sk-my-key }', 'models.big'],
    ['{ provider: google, model: x, max_sensitivity: secret }', 'models.big.max_sensitivity'],
    ['{ provider: local, model: gpt-4o }', 'models.big.model'],
  ])('that is malformed names the field: %s', (entry, field) => {
    expect(() => pinned(entry)).toThrow(`${field}: `);
  });

  it('that is missing lists what there is', () => {
    const path = folder.file('models.yaml');
    writeFileSync(path, 'v: 1\nmodels:\n  small: { provider: local, model: extractive }\n');
    expect(() => modelOf(readModels(path).models, 'big', 'desk/manifest.yaml: model')).toThrow(
      expect.objectContaining({
        message: 'desk/manifest.yaml: model: big is not in models.yaml',
        hint: 'It has: small.',
      }),
    );
  });
});

describe('the cost of a call', () => {
  const prices = {
    inputUsdPerMillion: 4,
    outputUsdPerMillion: 10,
    cachedInputUsdPerMillion: 1,
    cacheWriteUsdPerMillion: 5,
  };
  const model = { name: 'm', provider: 'anthropic', id: 'x', baseUrl: 'http://127.0.0.1:9', ...prices } as const;
  const usage = { inputTokens: 1_000_000, outputTokens: 100_000, cachedTokens: 0 };

  it('counts cached input at its own price, and what was written to the cache at another', () => {
    expect(costOf(usage, model)).toBe(5);
    expect(costOf({ ...usage, cachedTokens: 400_000, cacheWriteTokens: 100_000 }, model)).toBe(2 + 0.4 + 0.5 + 1);
  });

  it('counts cached input as any other where its price is not known', () => {
    const { cachedInputUsdPerMillion: _, ...plain } = model;
    expect(costOf({ ...usage, cachedTokens: 400_000 }, plain)).toBe(5);
  });

  it('of a long input is that of the whole call at the long price, and so is what it may cost', () => {
    const long = [{ aboveInputTokens: 200_000, inputUsdPerMillion: 8, outputUsdPerMillion: 20 }];
    const tiered = { ...model, longPrices: long };
    expect(costOf(usage, tiered)).toBe(10);
    expect(costOf({ ...usage, inputTokens: 200_000 }, tiered)).toBe(1.8);
    expect(reserveOf(3_000_000, 100_000, tiered)).toEqual({ tokens: 1_100_000, usd: 10 });
  });

  it('may be that of writing all of the input to the cache', () => {
    expect(reserveOf(3_000_000, 100_000, model)).toEqual({ tokens: 1_100_000, usd: 6 });
    const { cacheWriteUsdPerMillion: _, ...plain } = model;
    expect(reserveOf(3_000_000, 100_000, plain).usd).toBe(5);
  });

  it('is unknown where the price is, or where the provider did not say how much it read; of a local model it is nothing', () => {
    const { inputUsdPerMillion: _, ...unpriced } = model;
    expect(costOf(usage, unpriced)).toBeNull();
    expect(costOf({ inputTokens: 0, outputTokens: 0, cachedTokens: 0 }, model)).toBeNull();
    const free = {
      ...model,
      inputUsdPerMillion: 0,
      outputUsdPerMillion: 0,
      cachedInputUsdPerMillion: 0,
      cacheWriteUsdPerMillion: 0,
    };
    expect(costOf({ inputTokens: 0, outputTokens: 0, cachedTokens: 0 }, free)).toBe(0);
    expect(costOf(usage, { name: 'm', provider: 'local', id: 'extractive' })).toBe(0);
  });
});

describe('a release with several models', () => {
  const MODELS = `v: 1
models:
  big: { provider: openai, model: gpt-4o }
  small: { provider: openai, model: gpt-4o-mini }
  own: { provider: openai-compatible, model: own-1, base_url: "http://127.0.0.1:9/v1" }
  offline: { provider: local, model: extractive }
  played: { provider: local, model: scripted }
`;
  const load = (manifest: string) => {
    const root = join(folder.path, 'several');
    mkdirSync(join(root, 'r'), { recursive: true });
    writeFileSync(join(root, 'models.yaml'), MODELS);
    writeFileSync(join(root, 'r/manifest.yaml'), `name: r\nversion: 1.0.0\n${manifest}\n`);
    writeFileSync(join(root, 'r/prompt.md'), 'Answer.');
    const [release] = loadReleases(root);
    if (release === undefined) throw new Error('no release');
    return release;
  };

  it('pins each of them whole, and runs carry their names and conditions in the order in which they are asked', () => {
    const release = load(
      'model: big\nroute: [{ model: small, when: { max_input_tokens: 2000, max_sensitivity: internal } }]\nfallbacks: [own, offline]',
    );
    expect(release.body.fallbacks?.[0]).toMatchObject({ name: 'own', baseUrl: 'http://127.0.0.1:9/v1' });
    expect(release.body.route?.[0]?.model).toMatchObject({ name: 'small', inputUsdPerMillion: 0.15 });
    expect(pinnedRelease(release).candidates).toEqual([
      { model: 'small', when: { maxInputTokens: 2000, maxSensitivity: 'internal' } },
      { model: 'big' },
      { model: 'own' },
      { model: 'offline' },
    ]);
    expect(releaseBodySchema.parse(JSON.parse(JSON.stringify(release.body)))).toEqual(release.body);
  });

  it('that prefers by price carries prices, and what it does not know carries none', () => {
    const release = load('model: big\nprefer: price\nroute: [{ model: small }, { model: own }]\nfallbacks: [offline]');
    expect(pinnedRelease(release)).toMatchObject({
      prefer: 'price',
      candidates: [
        { model: 'small', price: { inputUsdPerMillion: 0.15, replyUsd: expect.any(Number) } },
        { model: 'own' },
        { model: 'big', price: expect.anything() },
        { model: 'offline', fallback: true },
      ],
    });
    expect(pinnedRelease(release).candidates?.[1]).not.toHaveProperty('price');
    expect(releaseBodySchema.parse(JSON.parse(JSON.stringify(release.body)))).toEqual(release.body);
  });

  it('with one alone carries no candidates', () => {
    expect(pinnedRelease(load('model: big'))).not.toHaveProperty('candidates');
  });

  it.each([
    ['model: big\nfallbacks: [big]', 'big is named twice'],
    ['model: big\nfallbacks: [bigger]', 'fallbacks: bigger is not in models.yaml'],
    ['model: big\nfallbacks: [played]', 'fallbacks: played is local/scripted'],
    [
      'model: big\nroute: [{ model: small, when: {} }]',
      'route.0.when: expected one of max_input_tokens, max_sensitivity and max_risk',
    ],
    ['model: big\nroute: [{ model: small }]', 'route.0.when: expected a condition'],
    ['model: big\nprefer: price', 'prefer: expected beside it a route'],
    ['model: big\nprefer: size\nroute: [{ model: small }]', 'prefer: '],
    ['model: big\nfallbacks: [own]\nbudgets: { max_cost_usd: 1 }', 'the price of the model is not known'],
  ])('is refused: %s', (manifest, message) => {
    expect(() => load(manifest)).toThrow(message);
  });

  it('falls short of its class by any of them', () => {
    const classes = { low: { eval_cases: 0, models: ['openai/*'], tools_up_to: 'none', audit: 'trace' } };
    expect(shortfallsOf(load('model: big\nfallbacks: [own]'), classes as never)).toEqual([
      'among its models is openai-compatible/own, and the class allows openai/*',
    ]);
  });
});

describe('an output schema beside a manifest', () => {
  const load = (schema: string, manifest = '') => {
    const root = join(folder.path, 'output');
    mkdirSync(join(root, 'r'), { recursive: true });
    writeFileSync(join(root, 'models.yaml'), 'v: 1\nmodels:\n  m: { provider: local, model: extractive }\n');
    writeFileSync(join(root, 'r/manifest.yaml'), `name: r\nversion: 1.0.0\nmodel: m\n${manifest}\n`);
    writeFileSync(join(root, 'r/prompt.md'), 'Answer.');
    writeFileSync(join(root, 'r/output.schema.json'), schema);
    return loadReleases(root)[0];
  };

  it('is part of the release and of its digest, as zod writes it, too', () => {
    const written = JSON.stringify(z.toJSONSchema(z.object({ order: z.string() })));
    const release = load(written);
    expect(release?.body.output?.schema).toEqual(JSON.parse(written));
    expect(release?.digest).not.toBe(load('{ "type": "object" }')?.digest);
  });

  it.each([
    ['{', '', 'not JSON'],
    ['[]', '', 'expected a JSON Schema with "type": "object"'],
    ['{ "type": "string" }', '', 'expected a JSON Schema with "type": "object"'],
    ['{ "type": "object", "propertys": {} }', '', 'cannot be enforced'],
    ['{ "type": "object" }', 'retrieval: { collection: docs }', 'answers from passages'],
  ])('is refused: %s %s', (schema, manifest, message) => {
    expect(() => load(schema, manifest)).toThrow(message);
  });
});
