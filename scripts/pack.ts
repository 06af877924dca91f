// `npm run pack`: builds the package and packs it as `countersign-VERSION.tgz`, into the clone or `--out DIR`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPackage, ROOT } from './build-package.ts';

const { values } = parseArgs({ options: { out: { type: 'string' } } });
const out = resolve(values.out ?? ROOT);
// Built where nothing else looks, so that two at once do not meet.
const folder = mkdtempSync(join(tmpdir(), 'countersign-pack-'));
try {
  const { name, version } = buildPackage(join(folder, 'package'));
  mkdirSync(out, { recursive: true });
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', out];
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status } = spawnSync(npm, args, { cwd: join(folder, 'package'), stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error('npm pack failed: see above');
  const file = join(out, `${name}-${version}.tgz`);
  console.log(`packed ${file}, ${Math.ceil(statSync(file).size / 1024)} KiB`);
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
