// The chore `collectBlobs`: payloads kept by content that no history refers to go. What cannot be told stays. The ledger says first
// what must stay, then Temporal whether a history refers to it, and the store removes only what is old.
import { log } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { Database } from '../runtime/database.ts';
import { namespaceIdOf } from '../runtime/executions.ts';
import type { BlobStore, KeptBlob } from '../runtime/payloads/blob-store.ts';
import type { BlobFigures, KeptReason, MaintenanceActivities } from '../workflows/protocol/index.ts';
import { KEPT_REASONS, tenantOf } from '../workflows/protocol/index.ts';
import { keptByTemporal } from './kept-by-temporal.ts';
import type { Progress } from './progress.ts';
import { createProgress } from './progress.ts';

export interface CollectBlobsDependencies {
  readonly db: Database;
  readonly temporal: Client;
  readonly blobs: readonly BlobStore[];
  /** Younger ones are left alone; a day at least. @default 24 */
  readonly graceHours?: number;
  /** @default the clock of this machine; tests look from later on */
  readonly now?: () => Date;
}

const DAY_HOURS = 24;
const HOUR_MS = 3_600_000;
/** Runs that Temporal is asked about at once. */
const CONCURRENCY = 4;

/** How far the work is, and what it came to so far: what a later attempt goes on from. */
interface Place {
  readonly tenant: string;
  readonly store: string;
  /** Where the store's next page begins; `undefined` for the first. */
  readonly after: string | undefined;
  readonly figures: BlobFigures;
}

type Figures = { -readonly [Name in keyof Omit<BlobFigures, 'kept'>]: number } & { kept: Record<KeptReason, number> };

export function createCollectBlobs(dependencies: CollectBlobsDependencies): MaintenanceActivities['collectBlobs'] {
  const { db, temporal, blobs } = dependencies;
  return async () => {
    const progress = createProgress<Place>();
    const from = progress.resumed;
    const figures = figuresFrom(from?.figures);
    // Fails here, before anything is looked at, when Temporal does not answer or has no such namespace.
    const namespaceId = await namespaceIdOf(temporal);
    for (const tenant of await tenantsFrom(db, from?.tenant)) {
      for (const store of storesFrom(blobs, from?.tenant === tenant ? from.store : undefined)) {
        let after = from?.tenant === tenant && from.store === store.name ? from.after : undefined;
        do {
          progress.report({ tenant, store: store.name, after, figures: structuredClone(figures) });
          const page = await store.scan(tenant, after);
          await collectPage({ ...dependencies, namespaceId, tenant, store, progress }, page.blobs, figures);
          after = page.next;
        } while (after !== undefined);
      }
    }
    return { v: 1, ...figures };
  };
}

interface PageContext extends CollectBlobsDependencies {
  readonly namespaceId: string;
  readonly tenant: string;
  readonly store: BlobStore;
  readonly progress: Progress<Place>;
}

async function collectPage(context: PageContext, page: readonly KeptBlob[], figures: Figures): Promise<void> {
  const { now = () => new Date() } = context;
  const before = new Date(now().getTime() - Math.max(DAY_HOURS, context.graceHours ?? DAY_HOURS) * HOUR_MS);
  figures.looked += page.length;
  const old = Map.groupBy(
    page.filter(({ putAt }) => putAt < before),
    ({ runId }) => runId,
  );
  figures.kept.young += page.length - [...old.values()].reduce((sum, blobs) => sum + blobs.length, 0);
  const words = await wordsOfLedger(context, [...old.keys()]);
  // One generator for all lanes: leaving a loop by an error closes it for the others.
  const queue = (function* () {
    yield* old.entries();
  })();
  const lane = async (): Promise<void> => {
    for (const [runId, blobs] of queue) {
      const { reason, orphans, why } = await judge(context, runId, blobs, words.get(runId));
      if (reason !== undefined) figures.kept[reason] += blobs.length - orphans.length;
      if (orphans.length > 0) await collect(context, { runId, orphans, why, before }, figures);
    }
  };
  await context.progress.during(Promise.all(Array.from({ length: CONCURRENCY }, lane)));
}

interface LedgerWord {
  readonly reason: KeptReason | null;
  readonly erased: boolean;
}

async function wordsOfLedger(
  { db, tenant, namespaceId, graceHours = DAY_HOURS }: PageContext,
  runIds: readonly string[],
): Promise<ReadonlyMap<string, LedgerWord>> {
  const rows = await db.of(tenant)<(LedgerWord & { run_id: string })[]>`
    select run_id, reason, erased from countersign.blobs_stay(${tenant}, ${[...runIds]}::text[], ${namespaceId},
      ${graceHours} * interval '1 hour')`;
  return new Map(rows.map((row) => [row.run_id, row]));
}

interface Judgement {
  /** Why the others stay; `undefined` when none does. */
  readonly reason?: KeptReason;
  readonly orphans: readonly KeptBlob[];
  readonly why: string;
}

async function judge(
  { temporal, tenant }: PageContext,
  runId: string,
  blobs: readonly KeptBlob[],
  ledger: LedgerWord | undefined,
): Promise<Judgement> {
  const keep = (reason: KeptReason): Judgement => ({ reason, orphans: [], why: '' });
  if (ledger === undefined || tenantOf(runId) !== tenant) return keep('unledgered');
  if (ledger.reason !== null) return keep(ledger.reason);
  const kept = await keptByTemporal(temporal, runId);
  if (kept.state === 'open' || kept.state === 'uncertain') return keep(kept.state);
  if (kept.state === 'unknown') return { orphans: blobs, why: 'Temporal does not know the run' };
  if (ledger.erased) return { orphans: blobs, why: 'the run has ended and its key is destroyed' };
  const orphans = blobs.filter(({ digest }) => !kept.references.has(digest));
  return { reason: 'referenced', orphans, why: 'the run has ended and its history does not refer to them' };
}

interface Found {
  readonly runId: string;
  readonly orphans: readonly KeptBlob[];
  readonly why: string;
  readonly before: Date;
}

async function collect(context: PageContext, { runId, orphans, why, before }: Found, figures: Figures): Promise<void> {
  const { store, tenant, namespaceId } = context;
  // Asked again for a bucket, which cannot ask by itself: a hold may have been placed while Temporal was asked.
  const word = (await wordsOfLedger(context, [runId])).get(runId);
  if (word === undefined || word.reason !== null) {
    figures.kept[word?.reason ?? 'unledgered'] += orphans.length;
    return;
  }
  const digests = orphans.map(({ digest }) => digest);
  const collected = await store.collect({ tenant, runId, digests, namespaceId, before });
  if (collected.length > 0) {
    const bytes = collected.reduce((sum, blob) => sum + blob.bytes, 0);
    log.info('payloads collected', { run: runId, store: store.name, payloads: collected.length, bytes, why });
    figures.collected += collected.length;
    figures.bytes += bytes;
    figures.runs += 1;
  }
  // Put again meanwhile, or collected by another worker at the same time.
  figures.kept.young += orphans.length - collected.length;
}

function figuresFrom(earlier: BlobFigures | undefined): Figures {
  const kept = Object.fromEntries(KEPT_REASONS.map((reason) => [reason, 0])) as Record<KeptReason, number>;
  const none = { looked: 0, collected: 0, bytes: 0, runs: 0 };
  return { ...none, ...earlier, kept: { ...kept, ...earlier?.kept } };
}

/** From one on, in a stable order. */
async function tenantsFrom(db: Database, first = ''): Promise<readonly string[]> {
  const rows = await db.all<
    { tenant: string }[]
  >`select tenant from tenants() where tenant >= ${first} order by tenant`;
  return rows.map(({ tenant }) => tenant);
}

const storesFrom = (stores: readonly BlobStore[], first: string | undefined): readonly BlobStore[] =>
  stores.slice(
    Math.max(
      0,
      stores.findIndex(({ name }) => name === first),
    ),
  );
