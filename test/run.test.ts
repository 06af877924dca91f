// `npm test` tells the true numbers: what its last line says, on a small project of its own.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { useTempFolder } from './support/temp-folder.ts';

const folder = useTempFolder();
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const PASSES = "import { expect, test } from 'vitest'; test('adds', () => expect(1 + 1).toBe(2));";
const FAILS = "import { expect, test } from 'vitest'; test('adds wrongly', () => expect(1 + 1).toBe(3));";
const SKIPS = "import { test } from 'vitest'; test('later', (context) => context.skip('needs a GPU'));";
const HOOK =
  "import { beforeAll, test } from 'vitest'; beforeAll(() => { throw new Error('no server'); }); test('never', () => {});";
const BROKEN = "import './not-there.ts';";
const STRAY = `${PASSES} test('leaves a rejection', async () => { void Promise.reject(new Error('stray')); await new Promise(setImmediate); });`;

describe('npm test', () => {
  test.each<[string, Record<string, string>, string[], Record<string, string>, number, string]>([
    ['passing tests', { a: PASSES, b: PASSES }, [], {}, 0, '2 passed, 0 failed'],
    ['a failing test', { a: PASSES, b: FAILS }, [], {}, 1, '1 passed, 1 failed'],
    ['only the files asked for', { a: PASSES, b: FAILS }, ['a.test'], {}, 0, '1 passed, 0 failed'],
    ['a file that does not load counts as failed', { a: PASSES, b: BROKEN }, [], {}, 1, '1 passed, 1 failed'],
    ['a stray rejection counts as failed', { a: STRAY }, [], {}, 1, '2 passed, 1 failed'],
    ['a skipped test is named', { a: PASSES, b: SKIPS }, [], {}, 0, '1 passed, 0 failed'],
    ['in CI a skipped test counts as failed', { a: PASSES, b: SKIPS }, [], { CI: 'true' }, 1, '1 passed, 1 failed'],
    ['no tests at all is no success', { a: PASSES }, ['nothing-like-it'], {}, 1, '0 passed, 0 failed'],
  ])('%s', async (name, files, args, env, code, last) => {
    const run = await runTests(files, args, env);
    expect(run.lines.at(-1)).toBe(last);
    expect(run.code).toBe(code);
    if (name.includes('skipped')) expect(run.lines.join('\n')).toContain('later — needs a GPU');
  });

  test('a hook that fails counts as failed', async () => {
    const { code, lines } = await runTests({ a: HOOK }, [], {});
    expect(lines.at(-1)).toMatch(/^0 passed, [1-9]\d* failed$/);
    expect(code).toBe(1);
  });
});

async function runTests(
  files: Readonly<Record<string, string>>,
  args: readonly string[],
  more: Readonly<Record<string, string>>,
): Promise<{ code: number; lines: readonly string[] }> {
  const root = mkdtempSync(join(folder.path, 'project-'));
  mkdirSync(join(root, 'test'));
  symlinkSync(here('../node_modules'), join(root, 'node_modules'));
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, 'test', `${name}.test.ts`), text);
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...more };
  return await new Promise((resolve) => {
    execFile(process.execPath, [here('run.js'), ...args], { cwd: root, env }, (error, stdout) => {
      const code = typeof error?.code === 'number' ? error.code : 0;
      resolve({ code, lines: stdout.trimEnd().split('\n') });
    });
  });
}
