// `countersign check index`: whether a collection is whole, of its folder as it is now, and of the encoder of the worker.
import type { CountersignClient } from '../../client/index.ts';
import type { RuleVerdict } from '../../evals/gate/verdict.ts';
import { listed } from '../../evals/gate/verdict.ts';
import type { Config } from '../../runtime/config.ts';
import type { IndexReport } from '../../workflows/protocol/index.ts';
import { awaitRun } from '../await-run.ts';
import { collectionSettings } from '../collection-settings.ts';
import { paint, print, printJson } from '../output.ts';
import { identityOf, withClient } from '../session.ts';
import { visible } from '../untrusted-text.ts';

export interface IndexOptions {
  readonly collection: string;
  readonly as?: string;
  readonly home?: string;
  readonly json?: boolean;
}

export async function index({ collection, as, home, json }: IndexOptions): Promise<void> {
  await withClient(home, async ({ config, client }) => {
    const report = await checkCollection({ client, config, collection, as });
    if (json) printJson(report);
    else if ('kind' in report)
      print(`${paint('yellow', `${report.kind}:`)} ${'message' in report ? report.message : ''}`);
    else printReport(report);
    process.exitCode = 'kind' in report ? 1 : exitCodeOf(report);
  });
}

function exitCodeOf({ faults }: IndexReport): 0 | 1 | 2 {
  if (faults.length === 0) return 0;
  return faults.every(({ fault }) => fault === 'unreadable') ? 2 : 1;
}

function printReport({ collection, documents, chunks, faults }: IndexReport): void {
  if (faults.length === 0) print(`${collection}: ${documents} documents in ${chunks} chunks, as they should be`);
  for (const { fault, detail } of faults) print(`${collection}: ${paint('yellow', fault)}: ${visible(detail)}`);
}

interface Checked {
  readonly client: CountersignClient;
  readonly config: Config;
  readonly collection: string;
  readonly as?: string | undefined;
}

async function checkCollection({ client, config, collection, as }: Checked) {
  const run = await client.checkIndex(
    { collection, ...(await collectionSettings(config.releasesDir, collection)) },
    await identityOf(config, as, 'operator'),
  );
  return await awaitRun(run);
}

/** The same as a rule of a gate. What was found is named by documents and paths of others, so it stands where renderers escape. */
export async function indexRule(checked: Checked): Promise<RuleVerdict> {
  const { collection } = checked;
  const report = await checkCollection(checked);
  if ('kind' in report) {
    const said = 'message' in report ? report.message : report.kind;
    const reason = 'The collection could not be checked.';
    return { rule: 'index', outcome: 'undecided', reason, figures: { collection }, ...listed('cases', [said]) };
  }
  const { documents, chunks, faults } = report;
  const outcome = (['passed', 'failed', 'undecided'] as const)[exitCodeOf(report)];
  const reason =
    faults.length === 0
      ? `Its ${documents} documents in ${chunks} chunks are as they should be.`
      : `The collection is ${[...new Set(faults.map(({ fault }) => fault))].join(', ')}.`;
  const details = faults.map(({ fault, detail }) => `${fault}: ${detail}`);
  return { rule: 'index', outcome, reason, figures: { collection, documents, chunks }, ...listed('cases', details) };
}
