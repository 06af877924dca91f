// The rule of who may import whom, on small trees of files.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { checkImports } from '../../scripts/check-imports.ts';
import { readImports } from '../../scripts/imports.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const folder = useTempFolder();

describe('the rule of who may import whom', () => {
  test('this repository keeps it', () => {
    expect(checkImports(fileURLToPath(new URL('../..', import.meta.url)))).toEqual([]);
  });

  test.each<[string, Record<string, string>]>([
    [
      'activities use policies and the protocol',
      {
        'activities/a.ts': "import { p } from '../policies/p.ts';\nimport { x } from '../workflows/protocol/index.ts';",
      },
    ],
    [
      'workflows use the SDK, hashes and themselves',
      {
        'workflows/a.ts':
          "import { proxyActivities } from '@temporalio/workflow';\nimport { sha256 } from '@noble/hashes/sha2.js';\nimport { b } from './b.ts';",
      },
    ],
    ['workflows take types from activities', { 'workflows/a.ts': "import type { A } from '../activities/a.ts';" }],
    ['tests import anything', { 'test/a.test.ts': "import { main } from '../cli/main.ts';\nprocess.env.HOME;" }],
    [
      'examples use the public names',
      { 'examples/a.ts': "import { flow } from 'countersign/workflow';\nimport { b } from './b.ts';" },
    ],
    [
      'type cycles do no harm',
      { 'runtime/a.ts': "import type { B } from './b.ts';", 'runtime/b.ts': "import { a } from './a.ts';" },
    ],
    [
      'a comment or a string is no import',
      {
        'runtime/a.ts':
          "// import { main } from '../cli/main.ts';\nconst text = `\nimport { main } from '../cli/main.ts';\n`;\nconst name = 'process.env';",
      },
    ],
  ])('allowed: %s', (_, files) => expect(checkImports(tree(files))).toEqual([]));

  test.each<[string, Record<string, string>, string, number, RegExp]>([
    [
      'nobody imports cli',
      { 'client/a.ts': "\nimport { main } from '../cli/main.ts';" },
      'client/a.ts',
      2,
      /nobody imports from cli/,
    ],
    [
      'not even as a type',
      { 'activities/a.ts': "import type { W } from '../worker/main.ts';" },
      'activities/a.ts',
      1,
      /nobody imports from worker/,
    ],
    [
      'not even lazily',
      { 'gateway/a.ts': "const a = 1;\nawait import('../worker/main.ts');" },
      'gateway/a.ts',
      2,
      /nobody imports from worker/,
    ],
    [
      'workflows take no values from Node',
      { 'workflows/a.ts': "import { readFileSync } from 'node:fs';" },
      'workflows/a.ts',
      1,
      /not node:fs/,
    ],
    [
      'workflows take no values from activities',
      { 'workflows/a.ts': "import { a } from '../activities/a.ts';" },
      'workflows/a.ts',
      1,
      /use `import type`/,
    ],
    [
      'a re-export is an import',
      { 'workflows/a.ts': "export * from '../runtime/a.ts';" },
      'workflows/a.ts',
      1,
      /only types from runtime/,
    ],
    [
      'a side effect is an import',
      { 'runtime/a.ts': "import '../client/a.ts';" },
      'runtime/a.ts',
      1,
      /runtime\/ may not import from client/,
    ],
    [
      'the runtime does not know the flows',
      { 'runtime/a.ts': "import {\n  a,\n} from '../workflows/answer.ts';" },
      'runtime/a.ts',
      1,
      /may not import from workflows/,
    ],
    [
      'policies do not act',
      { 'policies/a.ts': "import { a } from '../activities/a.ts';" },
      'policies/a.ts',
      1,
      /may not import from activities/,
    ],
    [
      'sources do not import tests',
      { 'cli/a.ts': "import { a } from '../test/a.ts';" },
      'cli/a.ts',
      1,
      /may not import from test/,
    ],
    [
      'examples do not reach inside',
      { 'examples/a.ts': "import { a } from '../client/index.ts';" },
      'examples/a.ts',
      1,
      /public names/,
    ],
    [
      'a public name counts as its file',
      { 'runtime/a.ts': "import { a } from 'countersign';" },
      'runtime/a.ts',
      1,
      /may not import from client/,
    ],
    [
      'the environment is read in one place',
      { 'activities/a.ts': 'const a = 1;\nconst b = process.env.HOME;' },
      'activities/a.ts',
      2,
      /process\.env/,
    ],
    [
      'no cycles',
      { 'runtime/a.ts': "import { b } from './b.ts';", 'runtime/b.ts': "import { a } from './a.ts';" },
      'runtime/a.ts',
      1,
      /cycle: runtime\/a\.ts → runtime\/b\.ts → runtime\/a\.ts/,
    ],
  ])('refused: %s', (_, files, file, line, rule) => {
    expect(checkImports(tree(files))).toEqual([{ file, line, rule: expect.stringMatching(rule) }]);
  });

  test('reads imports whatever stands around them', () => {
    const source = [
      '#!/usr/bin/env node',
      'import a, { type B } from \'one\'; import type { C } from "two";',
      "const quotes = /['\"`]/; const ratio = 4 / 2; // it's fine",
      "export { d } from 'three';",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source code
      'const text = `${await import(\'four\')} and ${`import "no"`}`;',
      "type T = typeof import('five');",
    ].join('\n');
    expect(readImports(source)).toEqual([
      { specifier: 'one', line: 2, kind: 'value' },
      { specifier: 'two', line: 2, kind: 'type' },
      { specifier: 'three', line: 4, kind: 'value' },
      { specifier: 'four', line: 5, kind: 'dynamic' },
      { specifier: 'five', line: 6, kind: 'type' },
    ]);
  });
});

function tree(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(folder.path, 'tree-'));
  const exports = { '.': './client/index.ts', './workflow': './workflows/flow.ts' };
  const all = { 'package.json': JSON.stringify({ name: 'countersign', exports }), ...files };
  for (const [file, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return root;
}
