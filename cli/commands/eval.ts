// `countersign eval`: how good retrieval is, on a test collection with judgements, through the real store; and what the gate of quotes takes.
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import type { RetrievalReport } from '../../evals/retrieval.ts';
import { UserError } from '../../runtime/errors.ts';
import { settings } from '../context.ts';
import { registerAnswers } from '../eval/answers-command.ts';
import { registerCompare } from '../eval/compare-command.ts';
import { registerGrounding } from '../eval/grounding.ts';
import { registerJudge } from '../eval/judge-command.ts';
import { registerLint } from '../eval/lint-command.ts';
import { registerReview } from '../eval/review-command.ts';
import { registerRun } from '../eval/run-command.ts';
import { alignTable, print, printJson, progressLine } from '../output.ts';

interface RetrievalOptions {
  readonly beir: string;
  readonly split?: string;
  readonly store?: string;
  readonly k1: string;
  readonly b: string;
  readonly feedback?: string;
  readonly home?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const evaluate = program.command('eval').description('measure what the engine does against judgements');
  evaluate
    .command('retrieval')
    .description('index a test collection in BEIR’s layout, ask its queries, and score the rankings')
    .requiredOption('--beir <dir>', 'folder with corpus.jsonl, queries.jsonl and qrels/*.tsv')
    .option('--split <name>', 'which judgements of qrels/ (default: test, or the only ones)')
    .option('--store <name>', 'postgres or qdrant (default: the one that is configured)')
    .option('--k1 <number>', 'BM25: how soon repeats of a term stop counting', '1.2')
    .option('--b <number>', 'BM25: how much a long document is held against it, 0 to 1', '0.75')
    .option('--feedback <name>', 'rm3: ask again with words of the best passages (default: no)')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print the figures as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign eval retrieval --beir scifact --json')
    .action(retrieval);
  evaluate
    .command('quotes')
    .description('how many quotes are taken for verbatim, of those that are and of those that were changed')
    .requiredOption(
      '--pairs <file>',
      'JSON lines of {context, quote, label}; label 1: it stands there, but for formatting',
    )
    .option('--json', 'print the figures as JSON')
    .addHelpText('after', '\nExit codes: 0 no changed quote was taken; 1 some were.')
    .addHelpText('after', '\nExample:\n  $ npx countersign eval quotes --pairs quotes.jsonl --json')
    .action(quotes);
  registerRun(evaluate);
  registerCompare(evaluate);
  registerReview(evaluate);
  registerJudge(evaluate);
  registerLint(evaluate);
  registerGrounding(evaluate);
  registerAnswers(evaluate);
}

async function quotes({ pairs, json }: { readonly pairs: string; readonly json?: boolean }): Promise<void> {
  const { evaluateQuotes } = await import('../../evals/quotes.ts');
  const report = await evaluateQuotes(resolve(pairs));
  process.exitCode = report.changed.taken > 0 ? 1 : 0;
  if (json) return printJson(report);
  const text = (share: number | null): string => (share === null ? '-' : `${(share * 100).toFixed(2)} %`);
  print(
    alignTable(
      (['verbatim', 'changed'] as const).map((kind) => {
        const { all, taken, share } = report[kind];
        return [kind, `${taken} of ${all} taken`, text(share)];
      }),
    ),
  );
  for (const place of report.wrong) print(`  otherwise than labelled: ${place}`);
}

async function retrieval(options: RetrievalOptions): Promise<void> {
  const { readBeir } = await import('../../evals/beir.ts');
  const { evaluateRetrieval } = await import('../../evals/retrieval.ts');
  const { withThrowAway } = await import('../../evals/throw-away.ts');
  const { interruptible } = await import('../backup/interruptible.ts');
  const folder = resolve(options.beir);
  const bm25 = {
    k1: numberOf('--k1', options.k1, { max: 1000 }),
    b: numberOf('--b', options.b, { max: 1 }),
  };
  const { feedback } = options;
  if (feedback !== undefined && feedback !== 'rm3') {
    throw new UserError(`Not a kind of feedback: ${feedback}`, { hint: 'There is rm3.', exitCode: 64 });
  }
  const kind = storeOf(options.store);
  const collection = await readBeir(folder, options.split);
  const line = progressLine(basename(folder));
  const onProgress = (text: string, fraction?: number): void => line.update(text, fraction);
  const evaluate = async (store: Parameters<typeof withThrowAway>[0]): Promise<RetrievalReport> =>
    await interruptible((signal) =>
      withThrowAway(store, (vectors, generation) =>
        evaluateRetrieval({ collection, store: vectors, generation, bm25, feedback, signal, onProgress }),
      ),
    );
  try {
    const report = await onStore(kind, options.home, evaluate);
    line.done();
    if (options.json) printJson({ dataset: basename(folder), ...report });
    else printReport(basename(folder), report);
  } finally {
    line.done();
  }
}

type Kind = RetrievalReport['store'];

async function onStore(
  kind: Kind,
  home: string | undefined,
  evaluate: (
    store: Parameters<typeof import('../../evals/throw-away.ts').withThrowAway>[0],
  ) => Promise<RetrievalReport>,
): Promise<RetrievalReport> {
  const { QDRANT_URL: url, QDRANT_API_KEY: apiKey } = settings(home).environment;
  if (kind === 'qdrant' && url !== undefined) {
    return await evaluate({ kind, qdrant: { url, ...(apiKey !== undefined && { apiKey }) } });
  }
  const { withLedger } = await import('../eval/ledger.ts');
  return await withLedger(home, (db) => evaluate({ kind: 'postgres', db }));
}

function storeOf(asked: string | undefined): Kind {
  const isConfigured = settings().environment.QDRANT_URL !== undefined;
  const kind = asked ?? (isConfigured ? 'qdrant' : 'postgres');
  if (kind !== 'postgres' && kind !== 'qdrant') {
    throw new UserError(`Not a store: ${kind}`, { hint: 'Give postgres or qdrant.', exitCode: 64 });
  }
  if (kind === 'qdrant' && !isConfigured) {
    throw new UserError('No Qdrant: QDRANT_URL is not set', { hint: 'Set it, or use --store postgres.', exitCode: 64 });
  }
  return kind;
}

function numberOf(option: string, text: string, { max }: { readonly max: number }): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= max) return value;
  throw new UserError(`${option} must be a number from 0 to ${max}, not ${text}`, { exitCode: 64 });
}

function printReport(dataset: string, report: RetrievalReport): void {
  const { metrics, speed, documents, queries, store, encoder, split } = report;
  print(`${dataset} (${split}): ${documents} documents, ${queries} judged queries, ${store}, ${encoder}`);
  if (report.queriesWithoutRelevant > 0) print(`  ${report.queriesWithoutRelevant} queries have no relevant document`);
  if (report.judgedQueriesMissing > 0) {
    print(`  ${report.judgedQueriesMissing} judged queries are not in queries.jsonl, and do not count`);
  }
  if (report.judgedButMissing > 0) print(`  ${report.judgedButMissing} judged documents are not in the corpus`);
  print(
    alignTable([
      ...Object.entries(metrics).map(([name, value]) => [`  ${name}`, value.toFixed(4)]),
      ['  documents a second', String(speed.documentsPerSecond)],
      ['  queries a second', String(speed.queriesPerSecond)],
      ['  a search, p50 and p95', `${speed.searchP50Ms} and ${speed.searchP95Ms} ms`],
    ]),
  );
}
