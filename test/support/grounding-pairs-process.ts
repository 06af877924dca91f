// Prints claims about our own texts as JSON lines, for `countersign eval grounding`: `written`, `made` or `answers`, of the split `dev` or `test`.
import { answerPairs, madePairs, writtenPairs } from './grounding-pairs.ts';
import { sharedData } from './shared-data.ts';

const SOURCES = {
  written: writtenPairs,
  made: () => madePairs(sharedData('cranfield')),
  answers: answerPairs,
};
const isSource = (name: string | undefined): name is keyof typeof SOURCES =>
  name !== undefined && Object.hasOwn(SOURCES, name);

const [source, split] = process.argv.slice(2);
if (!isSource(source) || (split !== 'dev' && split !== 'test')) {
  process.stderr.write('usage: grounding-pairs-process.ts written|made|answers dev|test\n');
  process.exitCode = 64;
} else {
  for (const pair of SOURCES[source]()) {
    if (pair.split === split) process.stdout.write(`${JSON.stringify(pair)}\n`);
  }
}
