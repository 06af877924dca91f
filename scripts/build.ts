// `npm run build`: the package as a folder, `dist/` or `--out DIR`.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPackage, ROOT } from './build-package.ts';

const { values } = parseArgs({ options: { out: { type: 'string' } } });
const out = resolve(values.out ?? join(ROOT, 'dist'));
try {
  const { name, version } = buildPackage(out);
  console.log(`built ${name} ${version} in ${out}`);
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
