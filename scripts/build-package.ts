// Makes the folder that is published: compiled code with declarations, the data that code reads, and a package.json of its own.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, packageFiles } from './check-package.ts';
import type { PackageManifest } from './package-manifest.ts';
import { packageManifest } from './package-manifest.ts';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Files beside the code, by the folder that holds them: read at run time, or to be read and copied by people. */
const DATA: Readonly<Record<string, RegExp>> = {
  'runtime/migrations': /^\d{4}-[a-z0-9-]+\.sql$/,
  policies: /\.(cedar|cedarschema|yaml)$/,
  releases: /\.(yaml|md|json)$/,
  examples: /\.(ts|md|txt|json|ya?ml|sh)$/,
};
const TEXTS = ['README.md', 'LICENSE', 'CHANGELOG.md'];

/**
 * @param out made anew; one that holds something else than an earlier build is left alone
 * @throws Error when the code does not compile, or the result would not work where it is installed
 */
export function buildPackage(out: string): PackageManifest {
  const manifest = packageManifest(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')));
  clear(out, manifest.name);
  compile(out);
  for (const file of packageFiles(out)) {
    if (/^examples\/.*\.d\.ts$/.test(file)) rmSync(join(out, file));
    else if (file.endsWith('.d.ts')) nameJavaScript(join(out, file));
  }
  for (const [folder, pattern] of Object.entries(DATA)) copyData(folder, pattern, out);
  for (const name of TEXTS) cpSync(join(ROOT, name), join(out, name));
  writeFileSync(join(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const problems = checkPackage(out);
  if (problems.length > 0) throw new Error(`The package would not work:\n  ${problems.join('\n  ')}`);
  return manifest;
}

function clear(out: string, name: string): void {
  if (existsSync(out) && readdirSync(out).length > 0) {
    const file = join(out, 'package.json');
    const found = existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown; exports?: unknown })
      : {};
    const isBuild = found.name === name && !existsSync(join(out, 'tsconfig.json'));
    if (!isBuild) throw new Error(`${out} holds something else than a build: name another folder, or empty it`);
    rmSync(out, { recursive: true });
  }
  mkdirSync(out, { recursive: true });
}

function compile(out: string): void {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '--project', join(ROOT, 'tsconfig.build.json'), '--outDir', out];
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error('The code does not compile: see above');
}

/** The compiler puts `.js` for `.ts` into code, and leaves declarations as they were written. */
function nameJavaScript(file: string): void {
  const text = readFileSync(file, 'utf8');
  const renamed = text.replace(/((?:\bfrom|\bimport\(|\bimport)\s*['"]\.{1,2}\/[^'"\n]+)\.ts(['"])/g, '$1.js$2');
  if (renamed !== text) writeFileSync(file, renamed);
}

function copyData(folder: string, pattern: RegExp, out: string): void {
  for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
    // What is hidden is nobody's example.
    if (!entry.isFile() || entry.name.startsWith('.') || !pattern.test(entry.name)) continue;
    const source = join(entry.parentPath, entry.name);
    const target = join(out, source.slice(ROOT.length));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(source, target);
  }
}
