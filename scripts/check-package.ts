// Checks a built package folder before it is packed: what its package.json names is there, and what its code imports can be found.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { readImports } from './imports.ts';
import type { PackageManifest } from './package-manifest.ts';

const BUILTIN = new Set(builtinModules);

/** What is wrong with the package in `folder`; empty when it is sound. */
export function checkPackage(folder: string): readonly string[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageManifest;
  const files = packageFiles(folder);
  const problems = [...checkTargets(folder, manifest)];
  for (const file of files) {
    // Sources of examples are there to be read: what is run is compiled.
    if (/\.(js|d\.ts)$/.test(file)) problems.push(...checkImportsOf(folder, file, manifest));
    else if (file.endsWith('.ts') && !file.startsWith('examples/'))
      problems.push(`${file}: a source, not a declaration`);
  }
  return problems;
}

/** Relative paths with slashes, sorted. */
export function packageFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

function checkTargets(folder: string, manifest: PackageManifest): readonly string[] {
  const problems: string[] = [];
  for (const [key, target] of Object.entries(manifest.exports)) {
    const paths = typeof target === 'string' ? [target] : [target.types, target.default];
    for (const path of paths) {
      if (!existsSync(join(folder, path))) problems.push(`exports ${key}: ${path} is not in the package`);
    }
  }
  for (const [name, path] of Object.entries(manifest.bin)) {
    const file = join(folder, path);
    if (!existsSync(file)) problems.push(`bin ${name}: ${path} is not in the package`);
    else if (!readFileSync(file, 'utf8').startsWith('#!/usr/bin/env node\n')) problems.push(`bin ${name}: no #! line`);
  }
  return problems;
}

function checkImportsOf(folder: string, file: string, manifest: PackageManifest): readonly string[] {
  const problems: string[] = [];
  const isTypes = file.endsWith('.d.ts');
  const text = readFileSync(join(folder, file), 'utf8');
  for (const { specifier, line } of readImports(text)) {
    const wrong = (what: string): number => problems.push(`${file}:${line}: ${specifier} ${what}`);
    if (specifier.startsWith('.')) {
      const target = join(folder, dirname(file), specifier);
      if (!specifier.endsWith('.js')) wrong('does not name a .js file');
      else if (!existsSync(isTypes ? target.replace(/\.js$/, '.d.ts') : target)) wrong('is not in the package');
    } else if (!specifier.startsWith('node:') && !BUILTIN.has(specifier)) {
      const name = packageOf(specifier);
      const known = { ...manifest.dependencies, ...manifest.peerDependencies };
      const declared = name === manifest.name ? exportOf(specifier, manifest) : name in known;
      if (!declared) wrong(`is not ${name === manifest.name ? 'exported' : 'a dependency'}`);
    }
  }
  return problems;
}

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

const exportOf = (specifier: string, manifest: PackageManifest): boolean =>
  `.${specifier.slice(manifest.name.length)}` in manifest.exports;
