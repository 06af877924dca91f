// Checks of this machine: Node, the packages, the home folder, its keys, the usual ports.
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Config } from '../../runtime/config.ts';
import { isFree, USUAL_PORTS } from '../stack/ports.ts';
import type { Finding } from './check.ts';
import { found, ok } from './check.ts';

export function checkNode(version: string): Finding {
  const major = Number(version.split('.')[0]);
  if (major >= 24) return ok('node', version);
  return found(
    'node',
    'warn',
    `${version}; tested with 24`,
    'Install Node 24. On Linux `npx countersign` and npm scripts bring it.',
  );
}

const packageSchema = z.object({ name: z.string(), version: z.string() });

/** One version of the SDK, and one protobufjs for all of it: a second one breaks JSON histories without a word. */
export function checkSdk(root: string): Finding {
  const installed = packagesUnder(join(root, 'node_modules'));
  const sdk = installed.filter(({ name }) => name.startsWith('@temporalio/'));
  const versions = [...new Set(sdk.map(({ version }) => version))].sort();
  if (versions.length === 0) {
    return found('sdk', 'fail', 'no @temporalio package is installed', 'Run `npm ci`.');
  }
  if (versions.length > 1) {
    const odd = sdk.map(({ name, version }) => `${name} ${version}`).sort();
    return found(
      'sdk',
      'fail',
      `several versions: ${odd.join(', ')}`,
      'Pin all @temporalio packages to one version, then `npm ci`.',
    );
  }
  const majors = new Set(sdk.map(({ folder }) => resolveUp(folder, 'protobufjs')?.split('.')[0] ?? 'none'));
  majors.delete('none');
  if (majors.size > 1) {
    return found(
      'sdk',
      'fail',
      `@temporalio ${versions[0]} sees protobufjs ${[...majors].sort().join(' and ')}`,
      'Depend on one protobufjs major directly (see package.json): with two, JSON histories do not replay.',
    );
  }
  return ok('sdk', `@temporalio ${versions[0]}, protobufjs ${[...majors][0] ?? 'unknown'}`);
}

interface Installed {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
}

/** The @temporalio packages in a node_modules folder, also those nested in packages of it. */
function packagesUnder(modules: string): readonly Installed[] {
  return folders(modules).flatMap((entry) => {
    const path = join(modules, entry);
    if (entry === '@temporalio') return folders(path).flatMap((name) => describePackage(join(path, name)));
    if (entry.startsWith('@')) return folders(path).flatMap((name) => packagesUnder(join(path, name, 'node_modules')));
    return packagesUnder(join(path, 'node_modules'));
  });
}

function describePackage(folder: string): readonly Installed[] {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return [];
  const { name, version } = packageSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  return [{ name, version, folder }, ...packagesUnder(join(folder, 'node_modules'))];
}

/** The version that `require(name)` finds from a folder: the nearest one upwards. */
function resolveUp(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, 'node_modules', name, 'package.json');
    if (existsSync(file)) return packageSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).version;
    if (dirname(folder) === folder) return undefined;
  }
}

function folders(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function checkHome(home: string, writable: (folder: string) => boolean = mayWrite): Finding {
  let folder = home;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  if (!writable(folder)) {
    return found(
      'home',
      'fail',
      `${folder} cannot be written`,
      'Correct its mode or owner, or name another folder in COUNTERSIGN_HOME.',
    );
  }
  return ok('home', folder === home ? home : `${home} (made at the first start)`);
}

/** Keys are there and for their owner only. Without any data yet, `dev` will make them. */
export function checkKeys(files: Config['keyFiles'], firstStartToCome: boolean): Finding {
  const paths = Object.values(files);
  const missing = paths.filter((path) => !existsSync(path));
  if (firstStartToCome && missing.length === paths.length) return ok('keys', 'made at the first start');
  if (missing.length > 0) {
    const fix =
      'Restore them from a backup. `npx countersign dev` makes new ones; runs sealed by a lost key stay sealed.';
    return found('keys', 'fail', `missing: ${missing.join(', ')}`, fix);
  }
  const open = [files.kek, files.assertionPrivate].filter((path) => (statSync(path).mode & 0o077) !== 0);
  if (process.platform !== 'win32' && open.length > 0) {
    return found('keys', 'fail', `others may read ${open.join(', ')}`, `chmod 600 ${open.join(' ')}`);
  }
  return ok('keys', 'present, and for their owner only');
}

/** Who has the usual ports matters only while no stack runs: the next start then takes others. */
export async function checkPorts(
  stackRuns: boolean,
  ports: Readonly<Record<string, number>> = USUAL_PORTS,
): Promise<Finding> {
  if (stackRuns) return ok('ports', 'in use by the local stack');
  const taken: string[] = [];
  for (const [name, port] of Object.entries(ports)) if (!(await isFree(port))) taken.push(`${port} (${name})`);
  if (taken.length === 0) return ok('ports', 'the usual ones are free');
  return found(
    'ports',
    'warn',
    `taken by something else: ${taken.join(', ')}`,
    'Nothing to do: `countersign dev` will take free ones and print them.',
  );
}
