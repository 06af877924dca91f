// `countersign search`: what a run would be given for a question, and why: scores, coverage, verdict. No model is called.
import type { Command } from 'commander';
import { UserError } from '../../runtime/errors.ts';
import type { SearchReport } from '../../workflows/protocol/index.ts';
import { MAX_TOP_K } from '../../workflows/protocol/index.ts';
import { awaitRun } from '../await-run.ts';
import { note, paint, print, printJson } from '../output.ts';
import { identityOf, withClient } from '../session.ts';
import { quoted, visible } from '../untrusted-text.ts';

interface SearchOptions {
  readonly collection: string;
  readonly release?: string;
  readonly topK?: string;
  readonly as?: string;
  readonly home?: string;
  readonly json?: boolean;
}

const SHOWN_CHARS = 400;

export function register(program: Command): void {
  program
    .command('search')
    .description('search a collection as a run would, with the access policy; exit 0 if it found enough, 1 if not')
    .argument('<query>', 'the question')
    .requiredOption('--collection <name>', 'the collection')
    .option(
      '--release <name>',
      "NAME, NAME@VERSION or NAME@LABEL, which it is judged as (default: the collection's own; on a development stack, where it has none, the latest)",
    )
    .option('--top-k <n>', `most passages, 1 to ${MAX_TOP_K} (default: the release's)`)
    .option('--as <id>', 'search as this development identity (default: customer)')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign search "How long does a refund take?" --collection refund-policy-docs',
    )
    .action(search);
}

async function search(query: string, options: SearchOptions): Promise<void> {
  const { collection } = options;
  const topK = options.topK === undefined ? undefined : requireTopK(options.topK);
  await withClient(options.home, async ({ config, client }) => {
    const onDevelopment = config.mode === 'development';
    const release = options.release ?? (await client.collections.releaseOf(collection, { orAnother: onDevelopment }));
    const run = await client.search(
      { query, ...(topK !== undefined && { topK }) },
      {
        release,
        ...(await identityOf(config, options.as, 'customer')),
        // The release found by its collection searches that one; any other is told to.
        ...((options.release !== undefined || onDevelopment) && { collection }),
      },
    );
    const report = await awaitRun(run);
    if (options.json) printJson(report);
    else if ('kind' in report)
      print(`${paint('yellow', `${report.kind}:`)} ${'message' in report ? report.message : ''}`);
    else printFound(report);
    note(paint('dim', `${release}, ${run.id}`, process.stderr));
    process.exitCode = 'verdict' in report && report.verdict === 'found' ? 0 : 1;
  });
}

function printFound({
  verdict,
  reason,
  passages,
  coverage,
  minScore,
  topK,
  access,
  generation,
  rerank,
}: SearchReport): void {
  print(`${paint(verdict === 'found' ? 'green' : 'yellow', verdict)}: ${visible(reason)}`);
  print(`coverage ${coverage.toFixed(4)}, needed ${minScore}, top ${topK}, generation ${generation.id}`);
  if (rerank !== undefined) {
    const why = rerank.reason === '' ? '' : `: ${visible(rerank.reason)}`;
    print(`rerank by ${visible(rerank.model)}: ${rerank.outcome}${why}`);
  }
  if (access !== null) print(`policy: ${access.decision} (${access.rules.join(', ') || 'no policy allows it'})`);
  const columns = process.stdout.columns ?? 100;
  passages.forEach(({ id, title, headings, text, score, coverage: share, stale, cosine, rerankScore }, rank) => {
    const scores = [
      ...(cosine === undefined ? [] : [`, cosine ${cosine}`]),
      ...(rerankScore === undefined ? [] : [`, reranker ${rerankScore}`]),
    ].join('');
    const remark = stale === true ? paint('yellow', ', holds no longer') : '';
    print(`\n${rank + 1}. ${visible(id)}  score ${score}, covers ${share}${scores}${remark}`);
    print(`   ${visible([title, ...headings].join(' › '))}`);
    const shown = text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)} …` : text;
    print(quoted(shown, { indent: '   ', columns }));
  });
}

function requireTopK(text: string): number {
  const topK = Number(text);
  if (Number.isInteger(topK) && topK >= 1 && topK <= MAX_TOP_K) return topK;
  throw new UserError(`Not a number of passages: ${text}`, {
    hint: `A whole number, 1 to ${MAX_TOP_K}.`,
    exitCode: 64,
  });
}
