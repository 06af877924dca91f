// What must be true before a number is worth printing: one trace a run, and histories that replay.
import { replayHistories } from '../audit/replay.ts';
import type { CountersignClient, RunId } from '../client/index.ts';
import { toHistoryJson } from '../client/index.ts';
import type { Config } from '../runtime/config.ts';
import { openDatabase } from '../runtime/database.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Bundle } from '../runtime/workflow-bundle.ts';
import { DEFAULT_TENANT } from '../workflows/protocol/index.ts';

export class CheckFailed extends Error {}

/** @throws CheckFailed unless each run has its one trace, and it says `answered` */
export async function requireTraces(config: Config, runIds: readonly string[]): Promise<void> {
  const db = openDatabase({ ...config, maxConnections: 1 });
  try {
    const [row] = await db.of(DEFAULT_TENANT)<{ traces: number; answered: number }[]>`
      select count(*)::integer as traces, count(*) filter (where outcome = 'answered')::integer as answered
      from traces where run_id = any(${[...runIds]}::text[])`;
    if (row?.traces === runIds.length && row.answered === runIds.length) return;
    throw new CheckFailed(
      `${runIds.length} runs left ${row?.traces ?? 0} traces, ${row?.answered ?? 0} of them answered`,
    );
  } finally {
    await db.end();
  }
}

/** @throws CheckFailed for the first history that does not replay */
export async function requireReplay(
  client: CountersignClient,
  bundle: Bundle,
  runIds: readonly RunId[],
): Promise<void> {
  async function* histories(): AsyncGenerator<{ runId: string; history: unknown }> {
    for (const runId of runIds) {
      yield { runId, history: JSON.parse(toHistoryJson(await client.run(runId).history())) };
    }
  }
  let replayed = 0;
  for await (const { runId, verdict, reason } of replayHistories({ workflowBundle: bundle, histories: histories() })) {
    if (verdict !== 'ok') throw new CheckFailed(`Run ${runId} does not replay (${verdict}): ${reason ?? ''}`);
    replayed += 1;
  }
  if (replayed !== runIds.length) throw new CheckFailed(`${replayed} of ${runIds.length} histories were replayed`);
}

/** A request that went wrong is a failed check, too. */
export async function checked<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof CheckFailed) throw cause;
    throw new CheckFailed(`${what}: ${messageOf(cause)}`, { cause });
  }
}
