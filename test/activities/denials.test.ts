// What a worker has in memory of denials: as fresh as the last word, and never kept across a change. Real PostgreSQL and NOTIFY.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { FollowedDenials } from '../../activities/denials.ts';
import { createDenials } from '../../activities/denials.ts';
import { liftDenial, placeDenial } from '../../policies/denial-ledger.ts';
import type { Denial } from '../../policies/denials.ts';
import type { Sql } from '../../runtime/database.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();
const DENIAL: Denial = { id: 'a', kind: 'tool', name: 'refund' };
let tenant = '';
let count = 0;
let statements = 0;
let nowMs = 0;

/** Counts what reaches the database. */
function counting(sql: Sql): Sql {
  return new Proxy(sql, {
    apply(target, self, args: Parameters<Sql>) {
      const query = Reflect.apply(target, self, args) as { then: unknown };
      // A fragment inside another statement is never awaited.
      return new Proxy(query, {
        get(of, name) {
          if (name === 'then') statements += 1;
          const value = Reflect.get(of, name) as unknown;
          return typeof value === 'function' ? value.bind(of) : value;
        },
      });
    },
  });
}

beforeEach(() => {
  tenant = `tenant-${count++}`;
  statements = 0;
  nowMs = 0;
});
const deny = async (name = 'ada') =>
  await placeDenial(database.sql('gateway'), { tenant, kind: 'principal', name, reason: 'r', by: 'ada' });
const create = (): FollowedDenials => createDenials(counting(database.sql('worker')), () => nowMs);
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
    await liftDenial(database.sql('gateway'), { tenant, id, reason: 'r', by: 'ada' });
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
    await liftDenial(database.sql('gateway'), { tenant, id, reason: 'r', by: 'ada' });
    await vi.waitFor(async () => expect(await read(denials)).toEqual([]), { timeout: 5_000, interval: 10 });
  });

  it('that were read across a change are used once and not kept', async () => {
    const denials = create();
    await denials.follow();
    const before = await denials.along(tenant, async () => {
      const stale = { denials: [DENIAL] };
      const announced = Promise.withResolvers<void>();
      const listener = await database.sql('worker').listen('countersign_denials', () => announced.resolve());
      await deny();
      await announced.promise;
      // The other listener of this pool has been called, too: both are told in one go.
      await listener.unlisten();
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
