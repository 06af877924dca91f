// Releases with tools: what a manifest may name, what is pinned of it, budgets, scripts, and that other digests stay as they are.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool } from '../../activities/tools/index.ts';
import * as sampleTools from '../../examples/tools/index.ts';
import type { ToolDefinitions } from '../../releases/load.ts';
import { loadReleases } from '../../releases/load.ts';
import type { Release } from '../../releases/release.ts';
import { pinned, releaseBodySchema, releaseDigest } from '../../releases/release.ts';
import { UserError } from '../../runtime/errors.ts';
import { DEFAULT_BUDGETS } from '../../workflows/protocol/index.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const toolOf = (name: string, description = 'Does it.') =>
  defineTool({ name, description, input: z.object({ order: z.string() }), risk: 'high', run: async () => null });
const named = (...tools: readonly ReturnType<typeof toolOf>[]): ToolDefinitions =>
  new Map(tools.map((tool) => [tool.definition.name, tool]));
const TOOLS = named(toolOf('look_up'), toolOf('refund'));

const MODELS =
  'v: 1\nmodels:\n  plain: { provider: local, model: extractive }\n  agent: { provider: local, model: scripted }\n';
const HEAD = 'name: desk\nversion: 1.0.0\nmodel: plain\n';
const WITH_TOOLS = `${HEAD}tools: [look_up, refund]\n`;
const SCRIPTED = WITH_TOOLS.replace('plain', 'agent');

function folderOf(manifest: string, script?: string): string {
  const folder = mkdtempSync(join(temp.path, 'releases-'));
  mkdirSync(join(folder, 'desk'));
  writeFileSync(join(folder, 'models.yaml'), MODELS);
  writeFileSync(join(folder, 'desk/manifest.yaml'), manifest);
  writeFileSync(join(folder, 'desk/prompt.md'), 'Do what is asked.');
  if (script !== undefined) writeFileSync(join(folder, 'desk/script.yaml'), script);
  return folder;
}

function load(manifest: string, { script, tools = TOOLS }: { script?: string; tools?: ToolDefinitions } = {}): Release {
  const [release] = loadReleases(folderOf(manifest, script), tools);
  if (release === undefined) throw new Error('nothing loaded');
  return release;
}

function problemOf(
  manifest: string,
  { script, tools = TOOLS }: { script?: string; tools?: ToolDefinitions } = {},
): UserError {
  try {
    loadReleases(folderOf(manifest, script), tools);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).hint).toBeTruthy();
    return error as UserError;
  }
  throw new Error('the releases loaded');
}

describe('a release without tools', () => {
  it.each([
    ['support_refund_answer', 'sha256:def032171a72ddea69e2e96018e6986f70a83b557639a084e296dd8410109c38'],
    ['rewrite_politely', 'sha256:b2ccc60f981c9389c1bc68f1a3918d96c82d0b2aee68e2d0042aaf0d3f04046a'],
  ])('%s keeps the digest that it was published under', (name, digest) => {
    const tools: ToolDefinitions = new Map(Object.values(sampleTools).map((tool) => [tool.definition.name, tool]));
    const releases = loadReleases('releases', tools);
    expect(releases.find(({ body }) => body.name === name)?.digest).toBe(digest);
  });

  it('has neither tools nor budgets nor a script, and low risk', () => {
    const { body } = load(HEAD);
    for (const key of ['tools', 'budgets', 'script']) expect(body).not.toHaveProperty(key);
    expect(body.risk).toBe('low');
  });
});

describe('a release with tools', () => {
  it('pins each by its definition and the digest of it, in the order of the manifest', () => {
    const { body } = load(`${HEAD}tools: [refund, look_up]\n`);
    const [refund, lookUp] = [TOOLS.get('refund'), TOOLS.get('look_up')];
    expect(body.tools).toEqual([
      { definition: refund?.definition, definitionHash: refund?.definitionHash },
      { definition: lookUp?.definition, definitionHash: lookUp?.definitionHash },
    ]);
  });

  it('is of high risk and has the default budgets, unless it says otherwise', () => {
    expect(load(WITH_TOOLS).body).toMatchObject({ risk: 'high', budgets: DEFAULT_BUDGETS });
    const said = 'risk: medium\nbudgets: { max_turns: 3, max_tool_calls: 4, max_tokens: 500, max_minutes: 0.5 }\n';
    expect(load(`${WITH_TOOLS}${said}`).body).toMatchObject({
      risk: 'medium',
      budgets: { maxTurns: 3, maxToolCalls: 4, maxTokens: 500, maxDurationMs: 30_000 },
    });
    expect(load(`${WITH_TOOLS}budgets: { max_turns: 3 }\n`).body.budgets).toEqual({ ...DEFAULT_BUDGETS, maxTurns: 3 });
  });

  it('reads back from the registry under the same digest', () => {
    const { body, digest } = load(SCRIPTED, { script: scriptOf() });
    expect(releaseDigest(releaseBodySchema.parse(JSON.parse(JSON.stringify(body))))).toBe(digest);
  });

  it('gives a run the names, hashes and risks of its tools, and its budgets', () => {
    expect(pinned(load(WITH_TOOLS))).toMatchObject({
      tools: [
        { name: 'look_up', definitionHash: TOOLS.get('look_up')?.definitionHash, risk: 'high' },
        { name: 'refund', definitionHash: TOOLS.get('refund')?.definitionHash, risk: 'high' },
      ],
      budgets: DEFAULT_BUDGETS,
    });
  });

  it('has another digest when a definition, the order, a budget or the script changes', () => {
    const digests = [
      load(WITH_TOOLS),
      load(WITH_TOOLS, { tools: named(toolOf('look_up', 'Does it well.'), toolOf('refund')) }),
      load(`${HEAD}tools: [refund, look_up]\n`),
      load(`${WITH_TOOLS}budgets: { max_turns: 3 }\n`),
      load(SCRIPTED, { script: scriptOf() }),
      load(SCRIPTED, { script: scriptOf().replace('Done.', 'Done!') }),
    ].map(({ digest }) => digest);
    expect(new Set(digests).size).toBe(digests.length);
  });

  it('keeps nothing of the tools module: a definition that is changed later changes no release', () => {
    const definition = { ...toolOf('look_up').definition };
    const tool = { definition, definitionHash: toolOf('look_up').definitionHash };
    const { body, digest } = load(`${HEAD}tools: [look_up]\n`, { tools: new Map([['look_up', tool]]) });
    Object.assign(definition, { description: 'Something else.' });
    expect(releaseDigest(body)).toBe(digest);
  });
});

describe('a manifest is refused', () => {
  it('for a tool that is not there, with those that are and where to name the module', () => {
    const { message, hint } = problemOf(`${HEAD}tools: [look_up, teleport]\n`);
    expect(message).toMatch(/desk\/manifest\.yaml: tools: there is no tool teleport$/);
    expect(hint).toMatch(/There are: look_up, refund\..*COUNTERSIGN_TOOLS/);
  });

  it('for a tool where none are loaded', () => {
    const { hint } = problemOf(WITH_TOOLS, { tools: new Map() });
    expect(hint).toMatch(/No tools are loaded\..*COUNTERSIGN_TOOLS/);
  });

  it.each([
    ['a tool that is named twice', 'tools: [refund, refund]\n', /tools: a tool is named twice/],
    ['no tool in the list', 'tools: []\n', /tools: /],
    ['a tool name that is none', 'tools: [Refund Order]\n', /tools\.0: expected the snake_case name/],
    ['a tool that is no text', 'tools: [{ name: refund }]\n', /tools\.0: /],
    ['max_turns 0', 'tools: [refund]\nbudgets: { max_turns: 0 }\n', /budgets\.max_turns: /],
    ['half a tool call', 'tools: [refund]\nbudgets: { max_tool_calls: 1.5 }\n', /budgets\.max_tool_calls: /],
    ['tokens without end', 'tools: [refund]\nbudgets: { max_tokens: .inf }\n', /budgets\.max_tokens: /],
    ['minutes below zero', 'tools: [refund]\nbudgets: { max_minutes: -1 }\n', /budgets\.max_minutes: /],
    ['an unknown budget', 'tools: [refund]\nbudgets: { max_money: 5 }\n', /budgets: .*max_money/],
  ])('for %s', (_, more, field) => {
    expect(problemOf(`${HEAD}${more}`).message).toMatch(field);
  });

  it('for a tool named like something that every object has', () => {
    for (const name of ['constructor', 'to_string']) {
      expect(problemOf(`${HEAD}tools: [${name}]\n`).message).toContain(`there is no tool ${name}`);
    }
  });
});

describe('a script', () => {
  it('is part of a release whose model is local/scripted', () => {
    const { body } = load(SCRIPTED, { script: scriptOf() });
    expect(body.model).toEqual({ name: 'agent', provider: 'local', id: 'scripted' });
    expect(body.script?.rules).toHaveLength(1);
  });

  it('must be there for that model, and for no other', () => {
    expect(problemOf(SCRIPTED).message).toMatch(/local\/scripted, and there is no script\.yaml/);
    expect(problemOf(WITH_TOOLS, { script: scriptOf() }).message).toMatch(/has a script\.yaml, and its model is not/);
  });

  it.each<[string, string, RegExp]>([
    ['is no YAML', 'v: 1\nrules: [', /is not YAML/],
    ['has no rules', 'v: 1\nrules: []\n', /rules: /],
    ['has a turn that neither calls nor says', scriptOf({ turns: '[{ think: hard }]' }), /rules\.0\.turns\.0/],
    ['has a task that is no regular expression', scriptOf({ task: '(' }), /rules\.0: task is not a regular expression/],
    [
      'has an example of another task',
      scriptOf({ task: '^sing$' }),
      /rules\.0: its task does not match its own example/,
    ],
    [
      'calls a tool that the manifest does not list',
      scriptOf().replace('tool: refund', 'tool: teleport'),
      /turns\.0: it calls teleport/,
    ],
    [
      'ends with a call',
      scriptOf({ turns: '[{ calls: [{ tool: refund, args: {} }] }]' }),
      /turns\.0: every turn but the last calls tools/,
    ],
    [
      'speaks before its end',
      scriptOf({ turns: "[{ say: { done: 'x' } }, { say: { done: 'y' } }]" }),
      /turns\.0: every turn but the last calls tools/,
    ],
  ])('that %s is refused, naming file and rule', (_, script, problem) => {
    const { message } = problemOf(SCRIPTED, { script });
    expect(message).toMatch(problem);
    expect(message).toContain('desk/script.yaml');
  });
});

function scriptOf({ task = '^refund (?<order>\\S+)$', turns = '' } = {}): string {
  const usual = "[{ calls: [{ tool: refund, args: { order: 'A-1' } }] }, { say: { done: 'Done.' } }]";
  return `v: 1\nrules:\n  - example: 'Refund A-1'\n    task: '${task}'\n    turns: ${turns || usual}\n`;
}

describe('a release with tools that are undone', () => {
  const reserve = defineTool({
    name: 'reserve',
    description: 'Does it.',
    input: z.object({ order: z.string() }),
    risk: 'high',
    run: async () => ({ id: 'r' }),
    compensate: { tool: 'release', args: (args) => args },
  });
  const tools = named(reserve, toolOf('release'), toolOf('refund'));
  const withTools = (lists: string): string => `${HEAD}${lists}`;

  it('pins what undoes them: the model is told of it only where it is among the tools', () => {
    const { body } = load(withTools('tools: [reserve]\ncompensations: [release]\n'), { tools });
    expect(releaseBodySchema.parse(JSON.parse(JSON.stringify(body)))).toEqual(body);
    expect(body.tools?.map(({ definition, compensatesOnly }) => [definition.name, compensatesOnly])).toEqual([
      ['reserve', undefined],
      ['release', true],
    ]);
    const both = load(withTools('tools: [reserve, release]\n'), { tools });
    expect(both.body.tools?.map(({ compensatesOnly }) => compensatesOnly)).toEqual([undefined, undefined]);
    expect(pinned(both).tools?.map(({ compensation }) => compensation)).toEqual(['release', undefined]);
  });

  it.each([
    ['without it', 'tools: [reserve]\n', /reserve is undone by release, which is not among its tools/],
    ['that undoes nothing', 'tools: [refund]\ncompensations: [release]\n', /release undoes none of its tools/],
    ['that is offered, too', 'tools: [reserve, release]\ncompensations: [release]\n', /release is among its tools/],
    ['that there is not', 'tools: [reserve]\ncompensations: [nothing]\n', /there is no tool nothing/],
    ['named twice', 'tools: [reserve]\ncompensations: [release, release]\n', /compensations: a tool is named twice/],
  ])('is refused with a compensation %s', (_what, lists, message) => {
    expect(problemOf(withTools(lists), { tools }).message).toMatch(message);
  });
});
