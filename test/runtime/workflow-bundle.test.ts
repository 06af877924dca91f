import {
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
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keepBundle, readBundle } from '../../runtime/bundle-cache.ts';
import { bundleWorkflows } from '../../runtime/workflow-bundle.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-bundle-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

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

test('a bundle counts while its files are the same, and none has come before them', () => {
  const file = join(folder, 'a.js');
  const earlier = join(folder, 'a.ts');
  const keep = (): void => keepBundle(folder, 'key', 'code', { files: [file, folder], missing: [earlier] });
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

test('what is damaged does not count', () => {
  writeFileSync(join(folder, 'a.js'), 'a');
  keepBundle(folder, 'key', 'await pay(100)', { files: [join(folder, 'a.js')], missing: [] });
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
  for (let at = 0; at < 18; at += 1) keepBundle(dir, `key ${at}`, 'code', { files: [], missing: [] });
  expect(bundlesIn(dir)).toHaveLength(16);
  expect(readBundle(dir, 'key 17')).toBe('code');

  writeFileSync(join(folder, 'file'), '');
  keepBundle(join(folder, 'file'), 'key', 'code', { files: [], missing: [] });
  expect(readBundle(join(folder, 'file'), 'key')).toBeUndefined();
  mkdirSync(join(folder, 'other'));
  keepBundle(join(folder, 'other'), 'key', 'code', { files: [join(folder, 'gone.js')], missing: [] });
  expect(bundlesIn(join(folder, 'other'))).toEqual([]);
});
