import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keepBundle, readBundle } from '../../runtime/bundle-cache.ts';
import { bundleWorkflows } from '../../runtime/workflow-bundle.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-bundle-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** No file changed while it was bundled. */
const LATER = { begunAtMs: Number.POSITIVE_INFINITY };
const bundlesIn = (dir: string): string[] => readdirSync(dir).filter((name) => name.endsWith('.bundle'));

function workflows(said: string): string {
  const path = join(folder, 'flows.ts');
  writeFileSync(path, `import { word } from './word.js';\nexport const flow = async () => word;\n`);
  writeFileSync(join(folder, 'word.ts'), `export const word = '${said}';\n`);
  return path;
}

test('a bundle of the same files is taken from the cache, and is the same code', async () => {
  const cacheDir = join(folder, 'cache');
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const workflowsPath = workflows('one');
  const plain = await bundleWorkflows({ workflowsPath });
  const first = await bundleWorkflows({ workflowsPath, cacheDir });
  expect(first.buildId).toBe(plain.buildId);
  const [name] = bundlesIn(join(cacheDir, 'bundles'));
  const path = join(cacheDir, 'bundles', name as string);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const made = statSync(path).mtimeMs;

  const second = await bundleWorkflows({ workflowsPath, cacheDir });
  expect(second).toEqual(first);
  expect(statSync(path).mtimeMs).toBe(made);

  workflows('two');
  const third = await bundleWorkflows({ workflowsPath, cacheDir });
  expect(third.code).toContain("'two'");
  expect(third.buildId).not.toBe(first.buildId);
  expect(bundlesIn(join(cacheDir, 'bundles'))).toEqual([name]);

  // The bundler's tools count among what it was made of.
  expect(readFileSync(path, 'utf8')).toContain('@swc/core/package.json');
});

test('a bundle of files behind a link does not count once the link leads elsewhere', async () => {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const workflowsPath = join(folder, 'flows.ts');
  writeFileSync(workflowsPath, `import { word } from './current/word.js';\nexport const flow = async () => word;\n`);
  for (const said of ['one', 'two']) {
    mkdirSync(join(folder, said));
    writeFileSync(join(folder, said, 'word.ts'), `export { said as word } from './said.js';\n`);
    writeFileSync(join(folder, said, 'said.ts'), `export const said = '${said}';\n`);
  }
  const [cacheDir, current] = [join(folder, 'cache'), join(folder, 'current')];
  symlinkSync(join(folder, 'one'), current);
  expect((await bundleWorkflows({ workflowsPath, cacheDir })).code).toContain("'one'");
  rmSync(current);
  symlinkSync(join(folder, 'two'), current);
  expect((await bundleWorkflows({ workflowsPath, cacheDir })).code).toContain("'two'");
});

test('a bundle with whatever is in a folder does not count: more may have come', async () => {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const workflowsPath = join(folder, 'flows.ts');
  writeFileSync(workflowsPath, 'export const flow = async (word: string) => require("./words/" + word + ".ts");\n');
  mkdirSync(join(folder, 'words'));
  writeFileSync(join(folder, 'words', 'one.ts'), `export const word = 'the first word';\n`);
  const cacheDir = join(folder, 'cache');
  expect((await bundleWorkflows({ workflowsPath, cacheDir })).code).toContain("'the first word'");
  writeFileSync(join(folder, 'words', 'two.ts'), `export const word = 'the second word';\n`);
  expect((await bundleWorkflows({ workflowsPath, cacheDir })).code).toContain("'the second word'");
});

test('workflows in a folder behind a link are bundled, too', async () => {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'one'));
  writeFileSync(join(folder, 'one', 'flows.ts'), `export const flow = async () => 'one';\n`);
  symlinkSync(join(folder, 'one'), join(folder, 'current'));
  const { code } = await bundleWorkflows({ workflowsPath: join(folder, 'current', 'flows.ts') });
  expect(code).toContain("'one'");
});

test('a bundle is the same wherever it is made, and counts nowhere beside settings of the compiler', async () => {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const workflowsPath = workflows('one');
  const cacheDir = join(folder, 'cache');
  const { buildId } = await bundleWorkflows({ workflowsPath, cacheDir });
  mkdirSync(join(folder, 'elsewhere'));
  writeFileSync(join(folder, 'elsewhere', '.browserslistrc'), 'node 24\n');
  const cwd = vi.spyOn(process, 'cwd').mockReturnValue(join(folder, 'elsewhere'));
  try {
    expect((await bundleWorkflows({ workflowsPath })).buildId).toBe(buildId);
  } finally {
    cwd.mockRestore();
  }
  writeFileSync(join(folder, '.swcrc'), JSON.stringify({ module: { type: 'commonjs' } }));
  const otherwise = await bundleWorkflows({ workflowsPath });
  expect(otherwise.buildId).not.toBe(buildId);
  expect((await bundleWorkflows({ workflowsPath, cacheDir })).buildId).toBe(otherwise.buildId);
});

test('a bundle counts while its files are the same, and none has come before them', () => {
  const file = join(folder, 'a.js');
  const earlier = join(folder, 'a.ts');
  const keep = (): void => keepBundle(folder, 'key', 'code', { files: [file, folder], missing: [earlier], ...LATER });
  writeFileSync(file, 'a');
  keep();
  expect(readBundle(folder, 'key')).toBe('code');
  expect(readBundle(folder, 'other')).toBeUndefined();
  expect(readBundle(join(folder, 'nowhere'), 'key')).toBeUndefined();

  writeFileSync(file, 'b');
  expect(readBundle(folder, 'key')).toBeUndefined();
  keep();
  expect(readBundle(folder, 'key')).toBe('code');

  writeFileSync(earlier, '');
  expect(readBundle(folder, 'key')).toBeUndefined();
  rmSync(earlier);
  expect(readBundle(folder, 'key')).toBe('code');
  rmSync(file);
  expect(readBundle(folder, 'key')).toBeUndefined();
});

test('a file that changed while it was bundled may be either, and nothing is kept of it', () => {
  const file = join(folder, 'a.js');
  const before = Date.now() - 1000;
  writeFileSync(file, 'a');
  keepBundle(folder, 'key', 'code', { files: [file], missing: [], begunAtMs: before });
  expect(bundlesIn(folder)).toEqual([]);
  const dir = join(folder, 'dir');
  mkdirSync(dir);
  keepBundle(folder, 'key', 'code', { files: [dir], missing: [], begunAtMs: before });
  expect(readBundle(folder, 'key')).toBe('code');
  symlinkSync(dir, join(folder, 'link'));
  keepBundle(folder, 'other', 'code', { files: [join(folder, 'link')], missing: [], begunAtMs: before });
  expect(readBundle(folder, 'other')).toBeUndefined();
});

test('what lies where others can write does not count', () => {
  keepBundle(folder, 'key', 'code', { files: [], missing: [], ...LATER });
  chmodSync(folder, 0o777);
  expect(readBundle(folder, 'key')).toBeUndefined();
  keepBundle(folder, 'other', 'code', { files: [], missing: [], ...LATER });
  expect(bundlesIn(folder)).toHaveLength(1);
  chmodSync(folder, 0o700);
  expect(readBundle(folder, 'key')).toBe('code');
});

test('what is damaged does not count', () => {
  writeFileSync(join(folder, 'a.js'), 'a');
  keepBundle(folder, 'key', 'await pay(100)', { files: [join(folder, 'a.js')], missing: [], ...LATER });
  const path = join(folder, bundlesIn(folder)[0] as string);
  const whole = readFileSync(path, 'utf8');
  for (const damaged of ['', whole.slice(0, 100), whole.replace('100', '900'), whole.slice(whole.indexOf('\n') + 1)]) {
    writeFileSync(path, damaged);
    expect(readBundle(folder, 'key')).toBeUndefined();
  }
  writeFileSync(path, whole);
  expect(readBundle(folder, 'key')).toBe('await pay(100)');
});

test('sixteen are kept, and where none can be kept nothing is', () => {
  const dir = join(folder, 'bundles');
  for (let at = 0; at < 18; at += 1) keepBundle(dir, `key ${at}`, 'code', { files: [], missing: [], ...LATER });
  expect(bundlesIn(dir)).toHaveLength(16);
  expect(readBundle(dir, 'key 17')).toBe('code');

  writeFileSync(join(folder, 'file'), '');
  keepBundle(join(folder, 'file'), 'key', 'code', { files: [], missing: [], ...LATER });
  expect(readBundle(join(folder, 'file'), 'key')).toBeUndefined();
  mkdirSync(join(folder, 'other'));
  keepBundle(join(folder, 'other'), 'key', 'code', { files: [join(folder, 'gone.js')], missing: [], ...LATER });
  expect(bundlesIn(join(folder, 'other'))).toEqual([]);
});
