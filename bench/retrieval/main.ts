// `npm run bench:retrieval`: rankings of test collections beside bm25s, and the speed of the embedded store.
// Options: --beir DIR (again for another), --sizes N,N, --dimensions N, --python FILE, --json. Exit 0 with figures, 1 when it failed, 64 for wrong use.
import { existsSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { withOwnLedger } from '../../cli/eval/ledger.ts';
import { alignTable, note, print, printJson } from '../../cli/output.ts';
import type { ThrowAwayStore } from '../../evals/throw-away.ts';
import { readEnvironment } from '../../runtime/config.ts';
import { messageOf } from '../../runtime/errors.ts';
import { ROOT } from '../paths.ts';
import type { HybridSpeedReport } from './hybrid-speed.ts';
import { measureHybridSpeed } from './hybrid-speed.ts';
import type { QualityReport } from './quality.ts';
import { measureQuality } from './quality.ts';
import { hasReference } from './reference.ts';
import type { SpeedReport } from './speed.ts';
import { measureSpeed } from './speed.ts';

const CRANFIELD = resolve(ROOT, '../shared/data/cranfield');

interface Options {
  readonly folders: readonly string[];
  /** Chunks. */
  readonly sizes: readonly number[];
  /** Of dense vectors, to measure searches by both; 0: by words only. */
  readonly dimensions: number;
  readonly python: string;
  readonly json: boolean;
}

interface Report {
  readonly v: 1;
  readonly machine: { readonly cores: number; readonly node: string; readonly load: readonly number[] };
  readonly quality: readonly QualityReport[];
  readonly speed: readonly SpeedReport[];
  readonly hybrid: readonly HybridSpeedReport[];
}

async function bench({ folders, sizes, dimensions, python }: Options): Promise<Report> {
  const reference = hasReference(python) ? python : undefined;
  if (reference === undefined) note(`bm25s: skipped, since ${python} cannot import bm25s and Stemmer (--python FILE)`);
  if (folders.length === 0) note('rankings: skipped, since there is no test collection (--beir DIR)');
  const { QDRANT_URL: url, QDRANT_API_KEY: apiKey } = readEnvironment();
  if (url === undefined) note('Qdrant: skipped, since QDRANT_URL is not set');
  const quality: QualityReport[] = [];
  const speed: SpeedReport[] = [];
  const hybrid: HybridSpeedReport[] = [];
  await withOwnLedger(async (db) => {
    const stores: ThrowAwayStore[] = [{ kind: 'postgres', db }];
    if (url !== undefined) stores.push({ kind: 'qdrant', qdrant: { url, ...(apiKey !== undefined && { apiKey }) } });
    for (const folder of folders) {
      note(`ranking ${folder}`);
      quality.push(await measureQuality({ folder, stores, python: reference }));
    }
    for (const chunks of sizes) {
      note(`measuring ${chunks} chunks`);
      if (dimensions === 0) speed.push(await measureSpeed(db, chunks));
      else hybrid.push(await measureHybridSpeed(db, chunks, dimensions));
    }
  });
  return { v: 1, machine: { cores: cpus().length, node: process.version, load: loadavg() }, quality, speed, hybrid };
}

function printReport({ machine, quality, speed, hybrid }: Report): void {
  print(`${machine.cores} cores, Node ${machine.node}, load ${machine.load.map((each) => each.toFixed(1)).join(' ')}`);
  for (const { dataset, documents, queries, rows, differences } of quality) {
    print(`\n${dataset}: ${documents} documents, ${queries} judged queries`);
    const [first] = rows;
    print(
      alignTable([
        ['', ...Object.keys(first?.metrics ?? {}), 'documents a second', 'search p50 ms'],
        ...rows.map(({ name, metrics, documentsPerSecond, searchP50Ms }) => [
          name,
          ...Object.values(metrics).map((value) => value.toFixed(4)),
          String(documentsPerSecond),
          String(searchP50Ms),
        ]),
      ]),
    );
    if (differences === undefined) continue;
    const { rankings, texts, textsThatDiffer, edgeTexts, edgeTextsThatDiffer, unicode } = differences;
    print(`first ten other than bm25s's: ${rankings} of ${queries} queries`);
    print(`other tokens: ${textsThatDiffer} of ${texts} texts, ${edgeTextsThatDiffer} of ${edgeTexts} hard ones`);
    print(`Unicode: ours ${unicode.ours}, the reference's ${unicode.reference}`);
  }
  if (hybrid.length > 0) printHybrid(hybrid);
  if (speed.length === 0) return;
  print('\nembedded store');
  print(
    alignTable([
      [
        'chunks',
        'in a second',
        'CPU ms a chunk',
        'search p50 ms',
        'p95 ms',
        'CPU ms a search',
        'round trip ms',
        'p50 to it',
      ],
      ...speed.map((row) => [
        ...[row.chunks, row.chunksPerSecond].map(String),
        cpu(row.ingestCpuMs),
        ...[row.searchP50Ms, row.searchP95Ms].map(String),
        cpu(row.searchCpuMs),
        String(row.roundTripMs),
        (row.searchP50Ms / row.roundTripMs).toFixed(0),
      ]),
    ]),
  );
  print('CPU: of the process that encodes and asks, and of the database');
}

const cpu = ({ own, database }: SpeedReport['searchCpuMs']): string => `${own} + ${database ?? '?'}`;

function printHybrid(rows: readonly HybridSpeedReport[]): void {
  print('\nembedded store, by words and by words and vectors');
  print(
    alignTable([
      ['chunks', 'dimensions', '', 'p50 ms', 'p95 ms', 'CPU ms a search', 'first ms'],
      ...rows.flatMap(({ chunks, dimensions, firstMs, sparse, hybrid }) => [
        [`${chunks}`, `${dimensions}`, 'words', `${sparse.p50Ms}`, `${sparse.p95Ms}`, cpu(sparse.cpuMs), ''],
        ['', '', 'both', `${hybrid.p50Ms}`, `${hybrid.p95Ms}`, cpu(hybrid.cpuMs), `${firstMs}`],
      ]),
    ]),
  );
}

function options(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        beir: { type: 'string', multiple: true },
        sizes: { type: 'string', default: '10000,100000' },
        dimensions: { type: 'string', default: '0' },
        python: { type: 'string', default: 'python3' },
        json: { type: 'boolean', default: false },
      },
    });
    const sizes = values.sizes
      .split(',')
      .filter((size) => size !== '')
      .map(Number);
    if (sizes.some((size) => !Number.isInteger(size) || size < 1)) throw new Error(`Not sizes: ${values.sizes}`);
    const dimensions = Number(values.dimensions);
    if (!Number.isInteger(dimensions) || dimensions < 0) throw new Error(`Not dimensions: ${values.dimensions}`);
    const folders = values.beir ?? (existsSync(CRANFIELD) ? [CRANFIELD] : []);
    return {
      folders: folders.map((folder) => resolve(folder)),
      sizes,
      dimensions,
      python: values.python,
      json: values.json,
    };
  } catch (error) {
    note(
      `${messageOf(error)}\nUsage: npm run bench:retrieval -- [--beir DIR]… [--sizes 10000,100000] [--dimensions 384] [--python FILE] [--json]`,
    );
    return undefined;
  }
}

const chosen = options();
if (chosen === undefined) process.exitCode = 64;
else {
  try {
    const report = await bench(chosen);
    if (chosen.json) printJson(report);
    else printReport(report);
  } catch (error) {
    note(`The bench failed: ${messageOf(error)}`);
    process.exitCode = 1;
  }
}
