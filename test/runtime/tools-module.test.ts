// Reading a tools module: user code on disk, with what it exports and what is wrong with it.
import { symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTools } from '../../activities/tools/load-tools.ts';
import { digestOf } from '../../runtime/canonical.ts';
import { UserError } from '../../runtime/errors.ts';
import { readToolDefinitions } from '../../runtime/tools-module.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const folder = useTempFolder();
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SAMPLE = fileURLToPath(new URL('../../examples/tools/index.ts', import.meta.url));
const NAMES = ['look_up_order', 'refund_order', 'search_policy', 'send_email'];

/** The folder is a user's project: it finds what it imports. */
beforeAll(() => symlinkSync(`${ROOT}node_modules`, folder.file('node_modules'), 'dir'));

let count = 0;
function moduleOf(code: string): string {
  const path = folder.file(`tools-${count++}.ts`);
  writeFileSync(
    path,
    `import { z } from 'zod';\nimport { defineTool } from '${ROOT}activities/tools/index.ts';\n${code}`,
  );
  return path;
}
const define = (name: string): string =>
  `defineTool({ name: '${name}', description: 'It.', input: z.object({}), risk: 'low', run: async () => null })`;

async function problemOf(path: string): Promise<UserError> {
  const errors = await Promise.all([loadTools(path), readToolDefinitions(path)].map((each) => each.catch((e) => e)));
  for (const error of errors) expect(error).toBeInstanceOf(UserError);
  const [first, second] = errors as unknown as UserError[];
  expect(first?.message).toBe(second?.message);
  return first as UserError;
}

describe('a tools module', () => {
  it('gives the worker its tools and publishing their definitions, under the same hashes', async () => {
    const tools = await loadTools(SAMPLE);
    const definitions = await readToolDefinitions(SAMPLE);
    expect([...tools.keys()].sort()).toEqual(NAMES);
    expect([...definitions.keys()].sort()).toEqual(NAMES);
    for (const [name, { definition, definitionHash }] of definitions) {
      expect(tools.get(name)?.definitionHash).toBe(definitionHash);
      expect(digestOf(definition)).toBe(definitionHash);
    }
  });

  it('may export other things, and a tool under two names', async () => {
    const path = moduleOf(
      `export const first = ${define('first')};\nexport default first;\nexport const second = ${define('second')};\n` +
        `export const limit = 5;\nexport const nothing = null;\nexport type Order = { id: string };\nexport function help() {}`,
    );
    expect([...(await loadTools(path)).keys()].sort()).toEqual(['first', 'second']);
    expect([...(await readToolDefinitions(path)).keys()].sort()).toEqual(['first', 'second']);
  });

  it('may export lists of tools, beside lists of other things', async () => {
    const path = moduleOf(
      `export const shop = [${define('first')}, ${define('second')}];\nexport const sizes = [1, null];`,
    );
    expect([...(await loadTools(path)).keys()].sort()).toEqual(['first', 'second']);
    expect([...(await readToolDefinitions(path)).keys()].sort()).toEqual(['first', 'second']);
  });

  it('is refused when two of its tools have one name', async () => {
    const path = moduleOf(`export const a = ${define('refund')};\nexport const b = ${define('refund')};`);
    expect((await problemOf(path)).message).toBe(`The tools module ${path} exports two tools named refund`);
  });

  it('is refused when it exports no tools, and told how one is made', async () => {
    const path = moduleOf(`export const tools = { refund: ${define('refund')} };`);
    const { message, hint } = await problemOf(path);
    expect(message).toBe(`The tools module ${path} exports no tools`);
    expect(hint).toContain('defineTool');
  });

  it('is refused when it is not there', async () => {
    const { message, hint } = await problemOf(folder.file('missing.ts'));
    expect(message).toBe(`There is no tools module ${folder.file('missing.ts')}`);
    expect(hint).toContain('COUNTERSIGN_TOOLS');
  });

  it.each([
    ['throws', `throw new Error('no database');`, 'no database'],
    ['defines a tool wrongly', `export const a = ${define('Not Snake')};`, 'snake_case'],
  ])('is refused when it %s, with what it said', async (_, code, said) => {
    const path = moduleOf(code);
    const { message } = await problemOf(path);
    expect(message).toContain(`The tools module ${path} cannot be loaded: `);
    expect(message).toContain(said);
  });

  it('is refused for publishing when a definition does not match its hash', async () => {
    const path = moduleOf(
      `const tool = ${define('refund')};\nexport const changed = { ...tool, definition: { ...tool.definition, risk: 'low', idempotent: true } };`,
    );
    await expect(readToolDefinitions(path)).rejects.toThrow('the definition of refund does not match its hash');
  });

  it('gives the worker only what defineTool made', async () => {
    const path = moduleOf(
      `const tool = ${define('refund')};\nexport const copy = { ...tool };\nexport const real = ${define('real')};`,
    );
    expect([...(await loadTools(path)).keys()]).toEqual(['real']);
  });
});
