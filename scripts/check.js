// `npm run check`: format and lint, types, unused code, who may import whom. Runs all of them, and fails if any did.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireNode } from '../cli/node-version.js';

requireNode();

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

// The scripts behind the packages' commands, run by this Node, whatever `node` on PATH is.
const steps = [
  ['format and lint', [require.resolve('@biomejs/biome/bin/biome'), 'ci', '--diagnostic-level=warn']],
  ['types', [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--noEmit']],
  ['unused code', [join(root, 'node_modules', 'knip', 'bin', 'knip.js')]],
  ['imports', [join(root, 'scripts', 'check-imports.ts')]],
];

const failed = [];
for (const [name, args] of steps) {
  console.log(`--- ${name}`);
  const started = performance.now();
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`--- ${name}: ${status === 0 ? 'ok' : 'FAILED'} in ${seconds} s\n`);
  if (status !== 0) failed.push(name);
}
console.log(failed.length === 0 ? 'check: ok' : `check: failed (${failed.join(', ')})`);
process.exitCode = failed.length === 0 ? 0 : 1;
