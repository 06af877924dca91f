// Everything that is kept of a subject, readable, one JSON document a run: what a person may ask for before it is erased, or instead.
import type { CountersignClient, Reply } from '../client/index.ts';
import { endedWithReply } from '../client/index.ts';
import type { Sql } from '../runtime/database.ts';
import { messageOf } from '../runtime/errors.ts';
import type { RunId } from '../workflows/protocol/index.ts';
import type { Subject } from './subject-runs.ts';
import { runsOf } from './subject-runs.ts';

export interface ExportedRun {
  readonly v: 1;
  readonly runId: RunId;
  readonly kind: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly status: string;
  readonly requester: string;
  /** What was asked, and what came of it; `null` where it is gone, with the reason in `missing`. */
  readonly request: unknown;
  readonly reply: Reply | null;
  readonly trace: unknown;
  readonly approvals: readonly unknown[];
  readonly effects: readonly unknown[];
  /** Every payload of the history, in order: prompts, passages, drafts, arguments, results. */
  readonly payloads: readonly unknown[];
  /** What could not be read, and why. */
  readonly missing: readonly string[];
}

export interface ExportDependencies {
  readonly sql: Sql;
  readonly client: CountersignClient;
}

/** Oldest first. A run that is gone from Temporal, or erased, is in it with what is left. */
export async function* exportSubject(
  { sql, client }: ExportDependencies,
  subject: Subject,
): AsyncGenerator<ExportedRun> {
  for (const { runId, kind, startedAt } of await runsOf(sql, subject)) {
    const missing: string[] = [];
    const read = async <T>(what: string, reading: () => Promise<T>, without: T): Promise<T> => {
      try {
        return await reading();
      } catch (error) {
        missing.push(`${what}: ${messageOf(error)}`);
        return without;
      }
    };
    const run = client.run(runId);
    const summary = await run.summary();
    const payloads = await read('history', async () => payloadsOf(await run.history()), []);
    const approvals = await client.approvals.list({ runId, limit: 1000 });
    const effects = await client.effects.list({ runId, limit: 1000 });
    yield {
      v: 1,
      runId,
      kind,
      startedAt: startedAt.toISOString(),
      status: summary.status,
      requester: summary.requester,
      request: (payloads[0] as { request?: unknown } | undefined)?.request ?? null,
      reply: endedWithReply(summary.status) ? await read('reply', () => run.result(), null) : null,
      trace: (await run.trace()) ?? null,
      approvals: await Promise.all(
        approvals.map(({ id }) => read<unknown>(`approval ${id}`, () => client.approvals.get(id), { id })),
      ),
      effects: await Promise.all(
        effects.map(({ effectKey }) =>
          read<unknown>(`effect ${effectKey}`, () => client.effects.get(effectKey, subject.tenant), { effectKey }),
        ),
      ),
      payloads,
      missing,
    };
  }
}

/** JSON payloads of a readable history, in the order in which they stand there. */
function payloadsOf(history: object): unknown[] {
  const found: unknown[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
    const { metadata, data } = value as { metadata?: Record<string, Uint8Array>; data?: Uint8Array };
    const encoding = metadata?.['encoding'];
    if (encoding instanceof Uint8Array) {
      const isJson = Buffer.from(encoding).toString() === 'json/plain';
      if (isJson) found.push(JSON.parse(Buffer.from(data ?? []).toString('utf8')));
      return;
    }
    for (const each of Object.values(value)) walk(each);
  };
  walk(history);
  return found;
}
