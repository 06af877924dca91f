// Rotation of keys: everything stays readable, nothing but wrapped keys changes, and old keys can go.
import { describe, expect, it } from 'vitest';
import type { Keys } from '../../runtime/keys/index.ts';
import { createKeys, newKey, runKeyContext, wrapKey } from '../../runtime/keys/index.ts';
import { createLocalProvider } from '../../runtime/keys/local-provider.ts';
import { keysInUse, rewrapTenantKeys, rotateTenantKey } from '../../runtime/keys/rotate.ts';
import { Failure, HashPrefix } from '../../workflows/protocol/index.ts';
import { useDatabase } from '../support/services.ts';

const oldKek = { id: 'old', key: newKey() };
const newKek = { id: 'new', key: newKey() };
const config = { keyFiles: { kek: '', assertionPrivate: '', assertionPublic: '' } };

describe.each(['the key-encryption key', 'the key of a tenant'])('after a rotation of %s', (what) => {
  const database = useDatabase();
  const keysOf = (...keks: (typeof oldKek)[]): Keys =>
    createKeys(database.db('owner'), config, createLocalProvider('file', keks));
  const start = async (runId: string, key: Uint8Array, subject?: string): Promise<void> => {
    const sql = database.sql('owner');
    const keys = keysOf(oldKek);
    await sql`insert into start_ledger (run_id, tenant, kind, requester, request_hash, task_queue)
      values (${runId}, 'acme', 'answer', 'ada', 'h', 'q')`;
    if (subject === undefined) {
      const tenantKey = await keys.tenantKeys.current('acme');
      await sql`insert into run_keys (run_id, tenant, tenant_key, wrapped)
        values (${runId}, 'acme', ${tenantKey.version}, ${wrapKey(tenantKey.key, runKeyContext(runId), key)})`;
    } else {
      const pseudonym = await keys.tenantKeys.pseudonym('acme', HashPrefix.Subject, subject);
      const subjectKey = await keys.subjectKeys.current('acme', pseudonym);
      await sql`update start_ledger set subject = ${pseudonym} where run_id = ${runId}`;
      await sql`insert into run_keys (run_id, tenant, subject_key_id, wrapped)
        values (${runId}, 'acme', ${subjectKey.id}, ${wrapKey(subjectKey.key, runKeyContext(runId), key)})`;
    }
  };
  const rotate = async (): Promise<unknown> =>
    what === 'the key-encryption key'
      ? await rewrapTenantKeys(database.sql('owner'), keysOf(newKek, oldKek).provider)
      : await rotateTenantKey(database.sql('owner'), keysOf(oldKek), 'acme');

  it('every run key is what it was, pseudonyms too, and the next rotation finds little to do', async () => {
    const runs = new Map<string, Uint8Array>();
    for (let n = 0; n < 6; n++) {
      const [id, key] = [`run-${n}`, newKey()];
      runs.set(id, key);
      await start(id, key, n % 2 === 0 ? `subject-${n}` : undefined);
    }
    const pseudonym = await keysOf(oldKek).tenantKeys.pseudonym('acme', HashPrefix.Subject, 'jane');
    const rotated = await rotate();
    if (what === 'the key-encryption key') {
      expect(rotated).toBe(2);
      expect(await rotate()).toBe(0);
      expect(await keysInUse(database.sql('owner'))).toEqual([{ providerKey: 'new', tenants: 1, keys: 2 }]);
    } else {
      expect(rotated).toEqual({ version: 2, subjectKeys: 3, runKeys: 3 });
    }
    // The old key may go where it was replaced.
    const after = keysOf(...(what === 'the key-encryption key' ? [newKek] : [oldKek]));
    for (const [id, key] of runs) expect((await after.runKeys.find(id))?.key).toEqual(Buffer.from(key));
    expect(await after.tenantKeys.pseudonym('acme', HashPrefix.Subject, 'jane')).toBe(pseudonym);
    if (what === 'the key of a tenant') {
      expect((await after.tenantKeys.current('acme')).version).toBe(2);
      const rows = await database.sql('owner')`
        select tenant_key from subject_keys union all select tenant_key from run_keys where tenant_key is not null`;
      expect(new Set(rows.map((row) => row['tenant_key']))).toEqual(new Set([2]));
    } else {
      await expect(keysOf(oldKek).runKeys.find('run-1')).rejects.toMatchObject({ type: Failure.KeyUnknown });
    }
  });
});
