// `npm test`: runs Vitest and ends with the true numbers, `N passed, N failed`. Words after `--` filter files.
import { fileURLToPath } from 'node:url';
import { startVitest } from 'vitest/node';
import { requireNode } from '../cli/node-version.js';
import { countResults } from './support/count-results.js';

requireNode();

// A process a test file: those after the first find the code of packages compiled.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url));

const filters = process.argv.slice(2);
const vitest = await startVitest('test', filters, { run: true, watch: false, passWithNoTests: false });
const counts = countResults(vitest.state.getTestModules(), vitest.state.getUnhandledErrors().length);
// The global setup failed: Vitest has printed why, and counts nothing.
const neverStarted =
  vitest.state.getTestModules().length === 0 && (await vitest.globTestSpecifications(filters)).length > 0;
if (neverStarted) counts.broken.push('the servers of the test run did not start, see above');
await vitest.close();

const skippedFail = process.env['CI'] === 'true';
if (counts.skipped.length > 0) {
  const verdict = skippedFail ? ' (they count as failed: CI=true)' : '';
  console.log(`\n${counts.skipped.length} skipped${verdict}:`);
  for (const { name, reason } of counts.skipped) console.log(`  ${name}${reason === '' ? '' : ` — ${reason}`}`);
}
if (counts.broken.length > 0) {
  console.log(`\n${counts.broken.length} failed outside of a test:`);
  for (const line of counts.broken) console.log(`  ${line}`);
}
if (counts.passed + counts.failed + counts.skipped.length === 0) {
  console.log(filters.length > 0 ? `\nNo tests match ${filters.join(' ')}.` : '\nNo tests ran.');
}
if (!process.env['QDRANT_URL'])
  console.log('\nNot run: the vector store contract on a real Qdrant (QDRANT_URL is not set).');
const failed = counts.failed + counts.broken.length + (skippedFail ? counts.skipped.length : 0);
const code = failed > 0 || counts.passed + failed === 0 ? 1 : 0;
// Written before anything may still be printed by a process that ends.
process.stdout.write(`\n${counts.passed} passed, ${failed} failed\n`, () => process.exit(code));
