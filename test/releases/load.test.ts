// Reading releases from folders: what a manifest means, what is malformed and how it says so, and what the digest covers.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as sampleTools from '../../examples/tools/index.ts';
import type { ToolDefinitions } from '../../releases/load.ts';
import { collectionSettings, loadReleases } from '../../releases/load.ts';
import type { Release } from '../../releases/release.ts';
import { UserError } from '../../runtime/errors.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();

/** What the project's own releases may name. */
const SAMPLE_TOOLS: ToolDefinitions = new Map(Object.values(sampleTools).map((tool) => [tool.definition.name, tool]));

/** As design.md has it, letter for letter. */
const MANIFEST = `name: support_refund_answer
version: 1.4.0
model: example-llm-large
temperature: 0.2
max_output_tokens: 500
retrieval:
  collection: refund-policy-docs
  top_k: 5
  min_score: 0.72
policy:
  require_citations: true
  refuse_if_not_in_context: true
eval_set: support_refund_eval_v3
`;
const LOCAL = 'v: 1\nmodels:\n  example-llm-large:\n    provider: local\n    model: extractive\n';
const REMOTE = `v: 1
models:
  example-llm-large:
    provider: openai-compatible
    model: big-1
    base_url: https://llm.example.com/v1
    api_key_env: EXAMPLE_LLM_API_KEY
    input_usd_per_million: 2.5
    output_usd_per_million: 10
`;

interface Files {
  readonly manifest?: string;
  readonly models?: string | null;
  readonly prompt?: string | null;
  readonly script?: string;
}

function folderOf({
  manifest = MANIFEST,
  models = LOCAL,
  prompt = 'Answer from the passages.\n',
  script,
}: Files): string {
  const folder = mkdtempSync(join(temp.path, 'releases-'));
  mkdirSync(join(folder, 'the_release'));
  writeFileSync(join(folder, 'the_release', 'manifest.yaml'), manifest);
  if (prompt !== null) writeFileSync(join(folder, 'the_release', 'prompt.md'), prompt);
  if (models !== null) writeFileSync(join(folder, 'models.yaml'), models);
  if (script !== undefined) writeFileSync(join(folder, 'the_release', 'script.yaml'), script);
  return folder;
}

function load(files: Files, tools?: ToolDefinitions): Release {
  const [release] = loadReleases(folderOf(files), tools);
  if (release === undefined) throw new Error('nothing loaded');
  return release;
}

function problemOf(folder: string, tools?: ToolDefinitions): UserError {
  try {
    loadReleases(folder, tools);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).hint).toBeTruthy();
    return error as UserError;
  }
  throw new Error('the releases loaded');
}

const edited = (from: string, to: string, text = MANIFEST): string => {
  const result = text.replace(from, to);
  if (result === text) throw new Error(`${from} is not there to edit`);
  return result;
};

const DENSE = `embeddings:
  words:
    provider: openai-compatible
    model: embed-1
    base_url: https://llm.example.com/v1
    api_key_env: EXAMPLE_EMBED_API_KEY
    dimensions: 384
    input_usd_per_million: 0.02
    query_prefix: "query: "
rerankers:
  judge: { provider: openai-compatible, model: rerank-1, base_url: https://rerank.example.com/v1 }
`;

describe('a release that loads', () => {
  it("is design.md's manifest, unchanged, with its values", () => {
    expect(readFileSync('releases/support_refund_answer/manifest.yaml', 'utf8')).toBe(MANIFEST);
    const release = loadReleases('releases', SAMPLE_TOOLS).find(({ body }) => body.name === 'support_refund_answer');
    expect(release?.body).toEqual({
      v: 1,
      name: 'support_refund_answer',
      version: '1.4.0',
      prompt: readFileSync('releases/support_refund_answer/prompt.md', 'utf8').trim(),
      model: { name: 'example-llm-large', provider: 'local', id: 'extractive' },
      temperature: 0.2,
      maxOutputTokens: 500,
      retrieval: { collection: 'refund-policy-docs', topK: 5, minScore: 0.72 },
      rules: { requireCitations: true, refuseIfNotInContext: true },
      risk: 'low',
      evalSet: 'support_refund_eval_v3',
    });
    expect(release?.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('is prompt-only without a retrieval block, and then asks for no citations', () => {
    const { body } = load({ manifest: 'name: plain\nversion: 1.0.0\nmodel: example-llm-large\n' });
    expect(body.retrieval).toBeUndefined();
    expect(body.rules).toEqual({ requireCitations: false, refuseIfNotInContext: false });
    expect(body).toMatchObject({ temperature: 0, maxOutputTokens: 500, risk: 'low' });
  });

  it('with retrieval asks for citations unless it says otherwise', () => {
    const head = 'name: r\nversion: 1.0.0\nmodel: example-llm-large\nretrieval:\n  collection: docs\n';
    expect(load({ manifest: head }).body.rules).toEqual({ requireCitations: true, refuseIfNotInContext: true });
    expect(load({ manifest: `${head}policy:\n  require_citations: false\n` }).body.rules).toEqual({
      requireCitations: false,
      refuseIfNotInContext: true,
    });
  });

  it('pins what it says of checks, and nothing of what is so anyway', () => {
    const head = 'name: support_refund_answer\nversion: 1.4.0\nmodel: example-llm-large\n';
    const checks =
      'checks: { grounding: { min_score: 0.5 }, secrets: true, leakage: false, links: { hosts: ["*.example.org"] } }';
    const policy = `policy: { ${checks}, own_checks: { mine: { most: 3 } }, review: { groups: [editors] }, clarify: true }\n`;
    expect(load({ manifest: `${head}${policy}` }).body.rules).toEqual({
      requireCitations: false,
      refuseIfNotInContext: false,
      checks: { grounding: { minScore: 0.5 }, leakage: false, links: { hosts: ['*.example.org'] } },
      ownChecks: { mine: { most: 3 } },
      review: { groups: ['editors'], expiresAfterMs: 86_400_000 },
      clarify: true,
    });
  });

  it('asks for feedback where the manifest does, which makes it another release', () => {
    const head = 'name: r\nversion: 1.0.0\nmodel: example-llm-large\nretrieval:\n  collection: docs\n';
    const plain = load({ manifest: head });
    const asking = load({ manifest: `${head}  feedback: rm3\n` });
    expect(plain.body.retrieval).toEqual({ collection: 'docs', topK: 5, minScore: 0 });
    expect(asking.body.retrieval).toEqual({ collection: 'docs', topK: 5, minScore: 0, feedback: 'rm3' });
    expect(asking.digest).not.toBe(plain.digest);
    expect(() => load({ manifest: `${head}  feedback: yes\n` })).toThrow(/feedback/);
  });

  it('without vectors and a reranker has the digest that it had before there were any', () => {
    const release = loadReleases('releases', SAMPLE_TOOLS).find(({ body }) => body.name === 'support_refund_answer');
    expect(release?.digest).toBe('sha256:def032171a72ddea69e2e96018e6986f70a83b557639a084e296dd8410109c38');
    const { digest } = load({ models: `${LOCAL}${DENSE}` });
    expect(digest).toBe(load({ models: LOCAL }).digest);
  });

  it('pins the embedding model and the reranker that it names, whole', () => {
    const head = 'name: r\nversion: 1.0.0\nmodel: example-llm-large\nretrieval:\n  collection: docs\n';
    const models = `${LOCAL}${DENSE}`;
    const { body } = load({ manifest: `${head}  dense: { model: words }\n  rerank: { model: judge }\n`, models });
    expect(body.retrieval).toEqual({
      collection: 'docs',
      topK: 5,
      minScore: 0,
      dense: {
        embedding: {
          name: 'words',
          provider: 'openai-compatible',
          id: 'embed-1',
          baseUrl: 'https://llm.example.com/v1',
          apiKeyEnv: 'EXAMPLE_EMBED_API_KEY',
          dimensions: 384,
          inputUsdPerMillion: 0.02,
          queryPrefix: 'query: ',
        },
        weight: 1,
      },
      rerank: {
        reranker: {
          name: 'judge',
          provider: 'openai-compatible',
          id: 'rerank-1',
          baseUrl: 'https://rerank.example.com/v1',
        },
        candidates: 20,
      },
    });
    const many = `${head}  top_k: 30\n  rerank: { model: judge }\n`;
    expect(load({ manifest: many, models }).body.retrieval?.rerank?.candidates).toBe(100);
    const other = load({ manifest: `${head}  dense: { model: words, weight: 2 }\n`, models });
    const same = load({
      manifest: `${head}  dense: { model: words, weight: 2 }\n`,
      models: models.replace('0.02', '0.03'),
    });
    expect(same.digest).not.toBe(other.digest);
  });

  it.each([
    [
      'an embedding model that there is not',
      'dense: { model: none }',
      'retrieval.dense.model: none is not among embeddings',
    ],
    [
      'a reranker that there is not',
      'rerank: { model: words }',
      'retrieval.rerank.model: words is not among rerankers',
    ],
    [
      'fewer candidates than it keeps',
      'rerank: { model: judge, candidates: 3 }',
      'retrieval.rerank.candidates: expected at least top_k',
    ],
    ['too many candidates', 'rerank: { model: judge, candidates: 101 }', 'retrieval.rerank.candidates'],
    ['a weight of nothing', 'dense: { model: words, weight: 0 }', 'retrieval.dense.weight'],
    ['a limit of cost and a reranker without a price', 'rerank: { model: judge }', 'budgets limit the cost'],
  ])('is not one with %s', (_what, line, text) => {
    const head =
      'name: r\nversion: 1.0.0\nmodel: example-llm-large\nbudgets: { max_cost_usd: 1 }\nretrieval:\n  collection: docs\n';
    expect(problemOf(folderOf({ manifest: `${head}  ${line}\n`, models: `${LOCAL}${DENSE}` })).message).toContain(text);
  });

  const CHECKING = `${REMOTE}  far: { provider: openai-compatible, model: f, base_url: https://llm.example.com/v1 }
moderations:
  guard: { provider: openai-compatible, model: g, base_url: https://guard.example.com/v1 }
`;
  const checking = (checks: string, more = '') =>
    folderOf({
      manifest: `name: r\nversion: 1.0.0\nmodel: example-llm-large\npolicy: { checks: { ${checks} } }\n${more}`,
      models: CHECKING,
    });

  it('pins who moderates and who judges, and by what', () => {
    const [release] = loadReleases(checking('moderation: { model: guard, max_score: 0.2 }, judge: { model: far }'));
    expect(release?.body.rules.checks).toEqual({
      moderation: {
        moderation: { name: 'guard', provider: 'openai-compatible', id: 'g', baseUrl: 'https://guard.example.com/v1' },
        maxScore: 0.2,
      },
      judge: {
        model: { name: 'far', provider: 'openai-compatible', id: 'f', baseUrl: 'https://llm.example.com/v1' },
        minScore: 0.75,
      },
    });
  });

  it.each([
    ['moderation: { model: far }', '', 'policy.checks.moderation.model: far is not among moderations'],
    ['judge: { model: guard }', '', 'policy.checks.judge.model: guard is not in models.yaml'],
    ['judge: { model: far, min_score: 4 }', '', 'policy.checks.judge.min_score'],
    ['judge: { model: far }', 'budgets: { max_cost_usd: 1 }\n', 'budgets limit the cost'],
    ['moderation: { model: guard }', 'budgets: { max_cost_usd: 1 }\n', 'budgets limit the cost'],
  ])('is not one with %s %s', (checks, more, text) => {
    expect(problemOf(checking(checks, more)).message).toContain(text);
  });

  it('has no judge that is no language model', () => {
    const manifest = `name: r\nversion: 1.0.0\nmodel: example-llm-large\npolicy: { checks: { judge: { model: example-llm-large } } }\n`;
    expect(problemOf(folderOf({ manifest, models: LOCAL })).message).toContain(
      'is local/extractive, which cannot judge',
    );
  });

  it('pins provider, model id, base URL, prices and the name of its key', () => {
    expect(load({ models: REMOTE }).body.model).toEqual({
      name: 'example-llm-large',
      provider: 'openai-compatible',
      id: 'big-1',
      baseUrl: 'https://llm.example.com/v1',
      apiKeyEnv: 'EXAMPLE_LLM_API_KEY',
      inputUsdPerMillion: 2.5,
      outputUsdPerMillion: 10,
    });
  });

  it('is found beside others, by name, and folders without a manifest are left alone', () => {
    const folder = folderOf({});
    for (const name of ['beta', 'alpha']) {
      mkdirSync(join(folder, `folder-of-${name}`));
      writeFileSync(
        join(folder, `folder-of-${name}`, 'manifest.yaml'),
        edited('support_refund_answer', name, MANIFEST),
      );
      writeFileSync(join(folder, `folder-of-${name}`, 'prompt.md'), 'x');
    }
    mkdirSync(join(folder, 'drafts'));
    expect(loadReleases(folder).map(({ body }) => body.name)).toEqual(['alpha', 'beta', 'support_refund_answer']);
  });
});

describe('a malformed manifest names file and field:', () => {
  it.each([
    ['an unknown key', edited('temperature: 0.2', 'temprature: 0.2'), /temprature/],
    ['an unknown key in a block', edited('  top_k: 5', '  topk: 5'), /retrieval: .*topk/],
    ['a text where a number belongs', edited('temperature: 0.2', 'temperature: warm'), /temperature: /],
    ['a number where a text belongs', edited('version: 1.4.0', 'version: 1.4'), /version: /],
    [
      'a check that there is not',
      edited('require_citations: true', 'checks: { groundng: false }'),
      /policy\.checks: .*groundng/,
    ],
    [
      'a link to no host',
      edited('require_citations: true', 'checks: { links: { hosts: ["https://a.example/path"] } }'),
      /policy\.checks\.links.*: /,
    ],
    [
      'a threshold above one',
      edited('require_citations: true', 'checks: { grounding: { min_score: 3 } }'),
      /policy\.checks\.grounding.*: /,
    ],
    [
      'a list of no words',
      edited('require_citations: true', 'checks: { words: [{ category: c, words: ["-"] }] }'),
      /policy\.checks\.words/,
    ],
    ['a review by nobody', edited('require_citations: true', 'review: { groups: [] }'), /policy\.review\.groups: /],
    [
      'a check of a name that none has',
      edited('require_citations: true', 'own_checks: { No_Such: true }'),
      /policy\.own_checks/,
    ],
    ['a number for a yes', edited('require_citations: true', 'require_citations: 1'), /policy\.require_citations: /],
    [
      'a list for a block',
      edited('  collection: refund-policy-docs\n  top_k: 5\n  min_score: 0.72', '  - x'),
      /retrieval: /,
    ],
    ['top_k 0', edited('top_k: 5', 'top_k: 0'), /retrieval\.top_k: /],
    ['top_k 2.5', edited('top_k: 5', 'top_k: 2.5'), /retrieval\.top_k: /],
    ['min_score 1.2', edited('min_score: 0.72', 'min_score: 1.2'), /retrieval\.min_score: /],
    [
      'reuse_minutes beside tools',
      `${MANIFEST}reuse_minutes: 5\ntools: [refund_order]\n`,
      /reuse_minutes is for releases without tools/,
    ],
    ['reuse_minutes of days', `${MANIFEST}reuse_minutes: 5000\n`, /reuse_minutes: /],
    ['a negative min_score', edited('min_score: 0.72', 'min_score: -0.1'), /retrieval\.min_score: /],
    ['a temperature of 3', edited('temperature: 0.2', 'temperature: 3'), /temperature: /],
    ['max_output_tokens 0', edited('max_output_tokens: 500', 'max_output_tokens: 0'), /max_output_tokens: /],
    ['a bad version', edited('version: 1.4.0', 'version: v1.4.0'), /version: expected a version such as 1\.4\.0/],
    ['a name with a space', edited('support_refund_answer', 'support refund'), /name: /],
    ['a collection with a slash', edited('refund-policy-docs', 'docs/refund'), /retrieval\.collection: /],
    ['no model', edited('model: example-llm-large\n', ''), /model: /],
    ['no name', edited('name: support_refund_answer\n', ''), /name: /],
    ['no collection', edited('  collection: refund-policy-docs\n', ''), /retrieval\.collection: /],
    ['an unknown risk', `${MANIFEST}risk: none\n`, /risk: /],
    ['an empty file', '', /\(top level\): /],
    ['a list', '- a\n- b\n', /\(top level\): /],
  ])('%s', (_, manifest, field) => {
    const folder = folderOf({ manifest });
    const { message } = problemOf(folder);
    expect(message).toMatch(field);
    expect(message).toContain(join(folder, 'the_release', 'manifest.yaml'));
  });

  it('all fields at fault at once', () => {
    const { message } = problemOf(folderOf({ manifest: edited('top_k: 5', 'top_k: 0', edited('1.4.0', 'one')) }));
    expect(message).toMatch(/version: .*retrieval\.top_k: /);
  });

  it('YAML that does not parse, with the line', () => {
    const folder = folderOf({ manifest: edited('  top_k: 5', ' top_k: [5') });
    const { message } = problemOf(folder);
    expect(message).toContain(`${join(folder, 'the_release', 'manifest.yaml')} is not YAML`);
    expect(message).toMatch(/at line \d+/);
  });

  it('a model that models.yaml lacks, with those it has', () => {
    const folder = folderOf({ manifest: edited('example-llm-large', 'example-llm-huge') });
    const { message, hint } = problemOf(folder);
    expect(message).toBe(
      `${join(folder, 'the_release', 'manifest.yaml')}: model: example-llm-huge is not in models.yaml`,
    );
    expect(hint).toContain('example-llm-large');
  });

  it('a prompt that is missing, with the file to write', () => {
    const folder = folderOf({ prompt: null });
    expect(problemOf(folder).message).toContain('support_refund_answer has no prompt');
    expect(problemOf(folder).hint).toContain(join(folder, 'the_release', 'prompt.md'));
  });

  it.each(['', ' \n\n\t '])('a prompt that is empty: %j', (prompt) => {
    const folder = folderOf({ prompt });
    expect(problemOf(folder).message).toContain('support_refund_answer has no prompt');
  });

  it('a folder that does not exist, with the variable that names it', () => {
    const { message, hint } = problemOf(temp.file('nowhere'));
    expect(message).toContain(temp.file('nowhere'));
    expect(hint).toContain('COUNTERSIGN_RELEASES');
  });
});

describe('a malformed models.yaml names file and field:', () => {
  it.each([
    [
      'a model of an unknown provider',
      edited('provider: local', 'provider: cloud', LOCAL),
      /models\.example-llm-large\.provider: /,
    ],
    [
      'a local model that does not exist',
      edited('model: extractive', 'model: gpt', LOCAL),
      /models\.example-llm-large\.model: /,
    ],
    ['a base_url without scheme', edited('https://llm', 'llm', REMOTE), /models\.example-llm-large\.base_url: /],
    ['a base_url that is a file', edited('https://', 'file://', REMOTE), /models\.example-llm-large\.base_url: /],
    [
      'a key in place of its name',
      edited('EXAMPLE_LLM_API_KEY', 'sk-canary-4711', REMOTE),
      /models\.example-llm-large\.api_key_env: /,
    ],
    ['a negative price', edited('2.5', '-2.5', REMOTE), /models\.example-llm-large\.input_usd_per_million: /],
    ['another version of the file', edited('v: 1', 'v: 2', LOCAL), /v: /],
  ])('%s', (_, models, field) => {
    const folder = folderOf({ models });
    const { message } = problemOf(folder);
    expect(message).toMatch(field);
    expect(message).toContain(join(folder, 'models.yaml'));
    expect(message).not.toContain('canary');
  });

  it('none at all', () => {
    const folder = folderOf({ models: null });
    expect(problemOf(folder).message).toContain(join(folder, 'models.yaml'));
  });

  it.each(['constructor', '__proto__'])('has no model named %s by accident', (model) => {
    expect(problemOf(folderOf({ manifest: edited('example-llm-large', model) })).message).toContain(
      `${model} is not in models.yaml`,
    );
  });
});

describe('the digest', () => {
  const { digest } = load({ models: REMOTE });

  it.each<[string, Files]>([
    ['the prompt', { prompt: 'Answer from the passages!\n' }],
    ['white space inside the prompt', { prompt: 'Answer from  the passages.\n' }],
    ['the model id', { models: edited('big-1', 'big-2', REMOTE) }],
    ['the base URL', { models: edited('llm.example.com', 'llm.example.org', REMOTE) }],
    ['the provider', { models: LOCAL }],
    ['the price', { models: edited('2.5', '2.6', REMOTE) }],
    ["the key's name", { models: edited('EXAMPLE_LLM_API_KEY', 'OTHER_API_KEY', REMOTE) }],
    ['the temperature', { manifest: edited('temperature: 0.2', 'temperature: 0.3') }],
    ['the output limit', { manifest: edited('500', '501') }],
    ['top_k', { manifest: edited('top_k: 5', 'top_k: 6') }],
    ['min_score', { manifest: edited('0.72', '0.73') }],
    ['the collection', { manifest: edited('refund-policy-docs', 'refund-policy-docs-2') }],
    ['require_citations', { manifest: edited('require_citations: true', 'require_citations: false') }],
    ['refuse_if_not_in_context', { manifest: edited('in_context: true', 'in_context: false') }],
    ['whom it refers to', { manifest: edited('in_context: true', 'in_context: true\n  refer_to: Ask the desk.') }],
    ['the eval set', { manifest: edited('eval_v3', 'eval_v4') }],
    ['the version', { manifest: edited('1.4.0', '1.4.1') }],
    ['the risk', { manifest: `${MANIFEST}risk: medium\n` }],
  ])('changes with %s', (_, files) => {
    expect(load({ models: REMOTE, ...files }).digest).not.toBe(digest);
  });

  it('does not change with the order of keys, comments, or what a default says anyway', () => {
    const reordered = `# Refunds.\n${MANIFEST.trim()
      .split(/\n(?! )/)
      .reverse()
      .join('\n')}\nrisk: low\n`;
    expect(reordered).toMatch(/^# Refunds.\neval_set/);
    expect(load({ models: REMOTE, manifest: reordered }).digest).toBe(digest);
  });

  it('does not change with white space at the ends of the prompt', () => {
    expect(load({ models: REMOTE, prompt: '\n\n  Answer from the passages. \n\n' }).digest).toBe(digest);
  });

  it('does not change with the folder, its name or other models', () => {
    const folder = folderOf({ models: `${REMOTE}  other:\n    provider: local\n    model: extractive\n` });
    mkdirSync(join(folder, 'renamed'));
    for (const name of ['manifest.yaml', 'prompt.md']) {
      writeFileSync(join(folder, 'renamed', name), readFileSync(join(folder, 'the_release', name)));
    }
    rmSync(join(folder, 'the_release'), { recursive: true });
    expect(loadReleases(folder).map((release) => release.digest)).toEqual([digest]);
  });
});

describe('collections.yaml', () => {
  const indexOf = (text: string | undefined, collection = 'docs') => {
    const folder = folderOf({ models: `${LOCAL}${DENSE}` });
    if (text !== undefined) writeFileSync(join(folder, 'collections.yaml'), text);
    return collectionSettings(folder, collection);
  };
  const entry = (line: string): string => `v: 1\ncollections:\n  docs: { ${line} }\n`;

  it('says how a collection is embedded, that it is not, or nothing of it', () => {
    expect(indexOf(undefined)).toEqual({});
    expect(indexOf(entry('embedding: none'))).toEqual({ dense: 'none' });
    expect(indexOf(entry('embedding: none'), 'others')).toEqual({});
    expect(indexOf(entry('language: german'))).toEqual({ language: 'german' });
    expect(indexOf(entry('embedding: words, hnsw: { m: 24, ef_construct: 200 }, quantization: scalar'))).toEqual({
      dense: {
        embedding: expect.objectContaining({ name: 'words', id: 'embed-1', dimensions: 384 }) as object,
        hnsw: { m: 24, efConstruct: 200 },
        quantization: 'scalar',
      },
    });
  });

  it.each([
    ['embedding: absent', 'absent is not among embeddings of models.yaml'],
    ['embedding: words, quantization: product', 'collections.docs.quantization'],
    ['embedding: words, hnsw: { m: 1 }', 'collections.docs.hnsw.m'],
    ['quantization: scalar', 'collections.docs.embedding'],
    ['embedding: words, model: x', 'collections.docs'],
    ['language: Deutsch', 'collections.docs.language'],
  ])('is malformed with %s', (line, text) => {
    expect(() => indexOf(entry(line))).toThrow(text);
  });
});
