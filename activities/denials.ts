// Denials as verdicts read them: along with a statement that is made anyway, or from memory that no change of them survives.

import { DENIALS_CHANNEL } from '../policies/denial-ledger.ts';
import type { Denial } from '../policies/denials.ts';
import type { Database, Sql } from '../runtime/database.ts';

/** What is in memory is read anew after this time, should the word of a change not have come. */
const MAX_AGE_MS = 5_000;

export interface Denials {
  /**
   * Those that stand in a tenant: as last read, unless a change was announced since or that was more than 5 seconds ago. For steps
   * before an effect; the claim of an effect reads for itself.
   *
   * @throws what the database throws: who cannot read them lets nothing through
   */
  recent(tenant: string): Promise<readonly Denial[]>;
  /** Runs a statement that reads all that stand ({@link standing}), and keeps what it read. */
  along<Row extends { readonly denials: readonly Denial[] }>(tenant: string, read: () => Promise<Row>): Promise<Row>;
}

export interface FollowedDenials extends Denials {
  /** Forgets at every change, from now on until the pool ends. */
  follow(): Promise<void>;
}

/** For the select list of a statement: what stands in the tenant, as JSON. */
export const standing = (sql: Sql, tenant: string) => sql.fragment`
  (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'kind', kind, 'name', name)), '[]'::jsonb)
    from access_denials where tenant = ${tenant} and lifted_at is null)`;

export function createDenials(db: Database, now: () => number = () => performance.now()): FollowedDenials {
  const known = new Map<string, { readonly denials: readonly Denial[]; readonly readAtMs: number }>();
  /** Grows with every change heard of: what was read across one is not kept. */
  let changes = 0;

  const along: Denials['along'] = async (tenant, read) => {
    const before = changes;
    const readAtMs = now();
    const row = await read();
    if (changes === before) known.set(tenant, { denials: row.denials, readAtMs });
    return row;
  };
  return {
    along,
    async recent(tenant) {
      const kept = known.get(tenant);
      if (kept !== undefined && now() - kept.readAtMs < MAX_AGE_MS) return kept.denials;
      const { denials } = await along(tenant, async () => {
        const sql = db.of(tenant);
        const [row] = await sql<{ denials: readonly Denial[] }[]>`select ${standing(sql, tenant)} as denials`;
        if (row === undefined) throw new Error(`The ledger did not say what is denied in tenant ${tenant}`);
        return row;
      });
      return denials;
    },
    async follow() {
      const forget = (): void => {
        changes += 1;
        known.clear();
      };
      // Called again after each lost connection: something may have been said in between.
      await db.listen(DENIALS_CHANNEL, forget, forget);
    },
  };
}
