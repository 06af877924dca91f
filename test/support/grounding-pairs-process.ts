// Prints claims about our own texts as JSON lines, for `countersign eval grounding`: `written` or `made`, of the split `dev` or `test`.
import { madePairs, writtenPairs } from './grounding-pairs.ts';
import { sharedData } from './shared-data.ts';

const [source, split] = process.argv.slice(2);
if ((source !== 'written' && source !== 'made') || (split !== 'dev' && split !== 'test')) {
  process.stderr.write('usage: grounding-pairs-process.ts written|made dev|test\n');
  process.exitCode = 64;
} else {
  for (const pair of source === 'written' ? writtenPairs() : madePairs(sharedData('cranfield'))) {
    if (pair.split === split) process.stdout.write(`${JSON.stringify(pair)}\n`);
  }
}
