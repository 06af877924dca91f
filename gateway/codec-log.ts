// The codec server's lines in the security log: who read which run, and who was turned away. Ids and reasons, never content.
import type { Reader } from '../runtime/codec-token.ts';
import type { Database } from '../runtime/database.ts';
import type { Logger } from '../runtime/logger.ts';
import { NO_TENANT, tenantOf } from '../workflows/protocol/index.ts';

/** Strangers can be refused as often as they like; the ledger must not fill with it. */
const MAX_REFUSALS_A_MINUTE = 100;
const MINUTE_MS = 60_000;

export interface Refusal {
  readonly reason: string;
  /** Of a verified token. */
  readonly tenant?: string;
}

export interface CodecLog {
  /** Never throws: a refusal stands, whether it could be written down or not. At most 100 lines a minute; the rest is counted. */
  refused(db: Database, refusal: Refusal): Promise<void>;
  /**
   * Two kinds of lines in one statement: what was read, and whose payloads of other tenants were asked for.
   *
   * @throws what the database throws: nothing is handed out that was not written down
   */
  read(
    db: Database,
    reader: Reader,
    runs: { readonly read: Iterable<string>; readonly foreign: Iterable<string> },
  ): Promise<void>;
}

export function createCodecLog(log: Pick<Logger, 'warn' | 'error'>, now: () => number = Date.now): CodecLog {
  let minute = 0;
  let written = 0;
  let unwritten = 0;
  return {
    async refused(db, { reason, tenant = NO_TENANT }) {
      log.warn({ tenant, reason, via: 'codec' }, 'codec-refused');
      const current = Math.floor(now() / MINUTE_MS);
      if (current !== minute) [minute, written] = [current, 0];
      if (written >= MAX_REFUSALS_A_MINUTE) {
        unwritten += 1;
        return;
      }
      written += 1;
      const before = unwritten;
      unwritten = 0;
      const told = before === 0 ? reason : `${reason} (and ${before} refusals before it that have no line)`;
      try {
        await write(db, [row(tenant, '', 'codec-refused', told)]);
      } catch (error) {
        unwritten += before;
        log.error({ tenant, err: error }, 'the security log could not be written');
      }
    },
    async read(db, reader, { read, foreign }) {
      const rows = [
        ...[...read].map((run) => row(reader.tenant, run, 'payload-read', reader.id)),
        ...[...foreign].map((run) =>
          row(tenantOf(run), run, 'codec-refused', `${reader.id} of tenant ${reader.tenant} asked`),
        ),
      ];
      await write(db, rows);
    },
  };
}

async function write(db: Database, rows: readonly ReturnType<typeof row>[]): Promise<void> {
  for (const [tenant, own] of Map.groupBy(rows, (each) => each.tenant)) {
    const sql = db.of(tenant);
    await sql`insert into security_log ${sql.rows(own)}`;
  }
}

const row = (tenant: string, runId: string, event: string, reason: string) => ({
  tenant,
  run_id: runId,
  event,
  reason,
  via: 'codec',
});
