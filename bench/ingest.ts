// `npm run bench:ingest`: one corpus of 10,000 chunks and one of 100,000, each by a worker process of its own: time, memory, history.
// Option: --json. Exit 0 when the worker's memory and the history stay as they are, 1 when they grow with the corpus.
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { alignTable, note, print, printJson } from '../cli/output.ts';
import { createClient } from '../client/index.ts';
import { bundleWorkflows } from '../runtime/workflow-bundle.ts';
import type { BenchStack } from './stack.ts';
import { startStack } from './stack.ts';
import { startWorker } from './workers.ts';

const SIZES = [10_000, 100_000] as const;
/** What ten times the corpus may cost. */
const MAX_GROWTH_MB = 300;
const MAX_GROWTH_BYTES = 2000;
const VOCABULARY = 20_000;
const OPERATOR = {
  id: 'bench',
  tenant: 'default',
  groups: ['staff'],
  roles: ['operator'],
  clearance: 'internal',
} as const;

interface Figures {
  readonly chunks: number;
  readonly seconds: number;
  readonly peakMb: number;
  readonly events: number;
  readonly historyBytes: number;
}

/** Records of some 80 words each: a chunk a record, and a vocabulary as large as a language's. */
async function writeCorpus(folder: string, records: number): Promise<void> {
  const file = createWriteStream(join(folder, 'corpus.jsonl'));
  let state = 1;
  const next = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state;
  };
  for (let n = 0; n < records; n += 1) {
    const words = Array.from({ length: 80 }, () => `word${Math.floor(VOCABULARY * (next() / 2_147_483_647) ** 3)}`);
    const line = `${JSON.stringify({ _id: `r${n}`, title: `Record ${n}`, text: words.join(' ') })}\n`;
    if (!file.write(line)) await new Promise<void>((resolve) => file.once('drain', resolve));
  }
  file.end();
  await finished(file);
}

async function measure(stack: BenchStack, folder: string, records: number): Promise<Figures> {
  const taskQueue = `bench-ingest-${records}`;
  const worker = await startWorker({
    kind: 'engine',
    config: stack.config('worker', taskQueue),
    bundle: await bundleWorkflows(),
  });
  const client = await createClient(stack.config('gateway', taskQueue));
  try {
    const startedMs = performance.now();
    const run = await client.ingest({ path: folder, collection: `c${records}` }, { principal: OPERATOR });
    const report = await run.result();
    if (!('chunks' in report) || report.chunks !== records) throw new Error(`Not ingested: ${JSON.stringify(report)}`);
    const seconds = (performance.now() - startedMs) / 1000;
    const { events, bytes } = await run.timeline();
    return { chunks: records, seconds, peakMb: (await worker.usage()).peakMb, events, historyBytes: bytes };
  } finally {
    await client.close();
    await worker.stop();
  }
}

const { values } = parseArgs({ options: { json: { type: 'boolean' } } });
const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-ingest-'));
const stack = await startStack();
try {
  const figures: Figures[] = [];
  for (const records of SIZES) {
    note(`ingesting ${records} records`);
    await writeCorpus(folder, records);
    figures.push(await measure(stack, folder, records));
  }
  const [small, large] = figures as [Figures, Figures];
  const flat =
    large.peakMb - small.peakMb <= MAX_GROWTH_MB &&
    large.events === small.events &&
    large.historyBytes - small.historyBytes <= MAX_GROWTH_BYTES;
  if (values.json === true) printJson({ figures, flat });
  else {
    const rows = figures.map(({ chunks, seconds, peakMb, events, historyBytes }) => [
      String(chunks),
      seconds.toFixed(1),
      peakMb.toFixed(0),
      String(events),
      String(historyBytes),
    ]);
    print(alignTable([['chunks', 'seconds', 'peak MiB', 'events', 'history bytes'], ...rows]));
    print(flat ? 'memory and history do not grow with the corpus' : 'memory or history grows with the corpus');
  }
  process.exitCode = flat ? 0 : 1;
} finally {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
}
