// The stack that a check asks: the one that runs, or one of its own, started for it and thrown away.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { UserError } from '../../runtime/errors.ts';
import { collectionSettings } from '../collection-settings.ts';
import { settings } from '../context.ts';
import type { Measuring } from '../eval/measure.ts';
import { withMeasuring } from '../eval/measure.ts';
import { withLocalStack } from '../local-stack.ts';
import { note } from '../output.ts';
import { identityOf } from '../session.ts';

export interface StackOptions {
  readonly home?: string;
  readonly ephemeral?: boolean;
  /** `collection=folder` */
  readonly documents?: readonly string[];
}

export async function onStack(
  { home, ephemeral, documents = [] }: StackOptions,
  use: (measuring: Measuring) => Promise<void>,
): Promise<void> {
  const folders = documents.map(parse);
  const work = async (at: string | undefined): Promise<void> =>
    await withMeasuring(at, async (measuring) => {
      for (const each of folders) await ingest(measuring, each);
      await use(measuring);
    });
  if (ephemeral !== true) return await work(home);
  const folder = mkdtempSync(join(tmpdir(), 'countersign-check-'));
  try {
    await withLocalStack(settings(folder), async () => await work(folder), { throwAway: true });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Documents {
  readonly collection: string;
  readonly path: string;
}

function parse(text: string): Documents {
  const at = text.indexOf('=');
  if (at > 0 && at < text.length - 1) return { collection: text.slice(0, at), path: resolve(text.slice(at + 1)) };
  throw new UserError(`--documents must be COLLECTION=FOLDER, not ${text}`, { exitCode: 64 });
}

async function ingest({ client, config }: Measuring, { collection, path }: Documents): Promise<void> {
  const run = await client.ingest(
    { path, collection, ...(await collectionSettings(config.releasesDir, collection)) },
    await identityOf(config, undefined, 'operator'),
  );
  const result = await run.result();
  if ('kind' in result) throw new UserError(`${path} was not ingested: ${JSON.stringify(result)}`);
  note(`${collection}: ${result.documents} documents`);
}
