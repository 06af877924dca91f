// What a worker has in memory of denials: as fresh as the last word, and never kept across a change. Real PostgreSQL and NOTIFY.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { FollowedDenials } from '../../activities/denials.ts';
import { createDenials } from '../../activities/denials.ts';
import { liftDenial, placeDenial } from '../../policies/denial-ledger.ts';
import type { Denial } from '../../policies/denials.ts';
import type { Database, Sql } from '../../runtime/database.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();
const DENIAL: Denial = { id: 'a', kind: 'tool', name: 'refund' };
let tenant = '';
let count = 0;
let statements = 0;
let heard = 0;
let nowMs = 0;

/** Counts what is asked, and what is heard. */
function counting(db: Database): Database {
  return {
    ...db,
    listen: (channel, tell, listening) =>
      db.listen(
        channel,
        (payload) => {
          tell(payload);
          heard += 1;
        },
        listening,
      ),
    of(tenant) {
      const sql = db.of(tenant);
      const counted = (...statement: Parameters<typeof sql>) => {
        statements += 1;
        return sql(...statement);
      };
      return Object.assign(counted, sql) as Sql;
    },
  };
}

beforeEach(() => {
  tenant = `tenant-${count++}`;
  statements = 0;
  heard = 0;
  nowMs = 0;
});
const deny = async (name = 'ada') =>
  await placeDenial(database.db('gateway').of(tenant), { tenant, kind: 'principal', name, reason: 'r', by: 'ada' });
const create = (): FollowedDenials => createDenials(counting(database.db('worker')), () => nowMs);
const read = async (denials: FollowedDenials): Promise<readonly string[]> =>
  (await denials.recent(tenant)).map(({ name }) => name);

describe('recent denials', () => {
  it('are read once in five seconds, and not at all after a statement that read them along', async () => {
    const denials = create();
    await denials.along(tenant, async () => ({ denials: [DENIAL] }));
    nowMs = 4_999;
    expect(await read(denials)).toEqual(['refund']);
    expect(statements).toBe(0);
    nowMs = 5_000;
    expect(await read(denials)).toEqual([]);
    expect(await read(denials)).toEqual([]);
    expect(statements).toBe(1);
  });

  it('are those of the tenant that stand', async () => {
    const { id } = await deny();
    await deny('bob');
    await liftDenial(database.db('gateway').of(tenant), { tenant, id, reason: 'r', by: 'ada' });
    expect(await read(create())).toEqual(['bob']);
    tenant = 'elsewhere';
    expect(await read(create())).toEqual([]);
  });

  it('are forgotten as soon as a change is announced, by placing and by lifting', async () => {
    const denials = create();
    await denials.follow();
    expect(await read(denials)).toEqual([]);
    const { id } = await deny();
    await vi.waitFor(async () => expect(await read(denials)).toEqual(['ada']), { timeout: 5_000, interval: 10 });
    await liftDenial(database.db('gateway').of(tenant), { tenant, id, reason: 'r', by: 'ada' });
    await vi.waitFor(async () => expect(await read(denials)).toEqual([]), { timeout: 5_000, interval: 10 });
  });

  it('that were read across a change are used once and not kept', async () => {
    const denials = create();
    await denials.follow();
    const before = await denials.along(tenant, async () => {
      const stale = { denials: [DENIAL] };
      await deny();
      await vi.waitFor(() => expect(heard).toBeGreaterThan(0), { timeout: 5_000, interval: 10 });
      return stale;
    });
    expect(before.denials).toEqual([DENIAL]);
    expect(await read(denials)).toEqual(['ada']);
  });

  it('that cannot be read are no denials: the error goes on', async () => {
    const denials = create();
    await denials.along(tenant, async () => ({ denials: [] }));
    nowMs = 10_000;
    await database.sql('owner')`revoke select on access_denials from countersign_worker`;
    try {
      await expect(denials.recent(tenant)).rejects.toThrow('permission denied');
    } finally {
      await database.sql('owner')`grant select on access_denials to countersign_worker`;
    }
  });
});
