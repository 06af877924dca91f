// `countersign dev` with tools: those of the sample, those of a user, and a module that is wrong. The worker is the real one.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporalAddress, useDatabase } from '../../support/services.ts';
import { countersign, STACK_FRAME, startDev, stopDev } from '../../support/stack.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const folder = useTempFolder();
const database = useDatabase();
const TOOLS = fileURLToPath(new URL('../../../activities/tools/index.ts', import.meta.url));
const ZOD = fileURLToPath(new URL('../../../node_modules/zod/index.js', import.meta.url));

/** A project of a user: one release and the tool that it names. */
function project(name: string, tool: string): Record<string, string> {
  const releases = folder.file(name, 'releases');
  mkdirSync(`${releases}/desk`, { recursive: true });
  writeFileSync(`${releases}/models.yaml`, 'v: 1\nmodels:\n  m: { provider: local, model: extractive }\n');
  const about = ['owner', 'use_case', 'users', 'data', 'actions', 'success', 'unsafe'].map((each) => `${each}: desk\n`);
  const manifest = `name: desk\nversion: 1.0.0\nmodel: m\ntools: [pay]\neval_set: desk_set\n${about.join('')}expensive_usd: 1\n`;
  writeFileSync(`${releases}/desk/manifest.yaml`, manifest);
  // With tools it is of high risk, whose class demands five cases.
  const cases = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, question: 'Pay?' }));
  writeFileSync(`${releases}/desk/evals.json`, JSON.stringify({ v: 1, name: 'desk_set', cases }));
  writeFileSync(`${releases}/desk/prompt.md`, 'Do what is asked.');
  const module = folder.file(name, 'tools.ts');
  writeFileSync(
    module,
    `import { defineTool } from '${TOOLS}';\nimport { z } from '${ZOD}';\n` +
      `export const tool = defineTool({ name: '${tool}', description: 'Pays.', input: z.object({}), risk: 'high', run: async () => null });`,
  );
  const servers = { TEMPORAL_ADDRESS: temporalAddress(), DATABASE_URL: database.url('superuser') };
  return { COUNTERSIGN_RELEASES: releases, COUNTERSIGN_TOOLS: module, ...servers };
}

const failedDev = async (name: string, env: Record<string, string>): Promise<string> => {
  const { code, stdout, stderr } = await countersign(['dev', '--home', folder.file(name, 'home')], { env });
  expect(code).toBe(1);
  expect(stdout + stderr).not.toMatch(STACK_FRAME);
  return stderr;
};

describe('dev', () => {
  it('publishes releases with the tools of the module that COUNTERSIGN_TOOLS names, and its worker polls', async () => {
    const dev = await startDev(folder.file('own', 'home'), project('own', 'pay'));
    const rows = await database.sql('owner')`select body->'tools'->0->'definition'->>'name' as tool from releases`;
    expect([...rows]).toEqual([{ tool: 'pay' }]);
    expect(await stopDev(dev)).toBe(0);
  });

  it('names the tool that a release asks for and the module lacks', async () => {
    const said = await failedDev('lacks', project('lacks', 'other'));
    expect(said).toContain('tools: there is no tool pay');
    expect(said).toContain('There are: other. COUNTERSIGN_TOOLS names the module that exports them.');
  });

  it('names a tools module that is not there', async () => {
    const missing = folder.file('missing.ts');
    const said = await failedDev('gone', { ...project('gone', 'pay'), COUNTERSIGN_TOOLS: missing });
    expect(said).toContain(`There is no tools module ${missing}`);
  });
});
