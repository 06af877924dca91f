// Big payloads by reference: kept once, checked when they are read, and never in clear.
import { randomBytes } from 'node:crypto';
import type { Payload } from '@temporalio/common';
import type { StorageDriver } from '@temporalio/common/lib/converter/extstore.js';
import { StorageDriverClaim } from '@temporalio/common/lib/converter/extstore.js';
import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import type { BlobStore } from '../../../runtime/payloads/blob-store.ts';
import { createClaimCheck } from '../../../runtime/payloads/claim-check.ts';
import { createPostgresBlobs } from '../../../runtime/payloads/postgres-blobs.ts';
import { Failure } from '../../../workflows/protocol/index.ts';
import { makeOlder, putOrphan } from '../../support/orphans.ts';
import { useDatabase } from '../../support/services.ts';
import { itKeepsTheBlobContract } from './blob-store.contract.ts';

const database = useDatabase();

describe('blobs in PostgreSQL', () => {
  // Workers write and read them; only the owner removes.
  itKeepsTheBlobContract(() => {
    const [worker, owner] = (['worker', 'owner'] as const).map((role) => createPostgresBlobs(database.db(role)));
    if (worker === undefined || owner === undefined) throw new Error('two roles');
    return { ...worker, remove: owner.remove };
  });

  it('are not removed by a worker', async () => {
    const worker = createPostgresBlobs(database.db('worker'));
    await expect(worker.remove(`default/answer/${ulid()}`)).rejects.toThrow('permission denied');
  });
});

describe('a blob in PostgreSQL that is put again', () => {
  it('is as young as a new one once it is an hour old, and nobody can make it older', async () => {
    const [worker, gateway] = (['worker', 'gateway'] as const).map((role) => database.db(role));
    const owner = database.sql('owner');
    if (worker === undefined || gateway === undefined) throw new Error('two roles');
    const runId = `default/answer/${ulid()}`;
    const ageMinutes = async (): Promise<number> => {
      const [row] = await owner<{ minutes: number }[]>`
        select extract(epoch from now() - created_at)::integer / 60 as minutes from blobs where run_id = ${runId}`;
      return row?.minutes ?? -1;
    };
    const digest = await putOrphan(createPostgresBlobs(worker), runId);
    const [bytes = new Uint8Array()] = await createPostgresBlobs(worker).get([{ runId, digest }]);
    for (const [sql, hours, left] of [
      [gateway, 2, 0],
      [worker, 30, 0],
      [worker, 0.5, 30],
    ] as const) {
      await makeOlder(owner, runId, hours);
      // Twice in one call, too.
      await createPostgresBlobs(sql).put([
        { runId, digest, bytes },
        { runId, digest, bytes },
      ]);
      expect(await ageMinutes()).toBe(left);
    }
    for (const sql of [worker.of('default'), gateway.of('default'), owner]) {
      await sql`update blobs set created_at = now() - interval '1 year' where run_id = ${runId}`;
      expect(await ageMinutes()).toBe(0);
    }
  });
});

/** A store that counts, over a real one. */
function counted(): { readonly store: BlobStore; readonly calls: { put: number; get: number } } {
  const under = createPostgresBlobs(database.db('worker'));
  const calls = { put: 0, get: 0 };
  return {
    calls,
    store: {
      ...under,
      async put(blobs) {
        calls.put += blobs.length;
        await under.put(blobs);
      },
      async get(refs) {
        calls.get += refs.length;
        return await under.get(refs);
      },
    },
  };
}

const driverOf = (store: BlobStore, now?: () => number): StorageDriver => {
  const [driver] = createClaimCheck([store], () => {}, now).drivers;
  if (driver === undefined) throw new Error('no driver');
  return driver;
};
const encrypted = (runId: string, data: Uint8Array = randomBytes(20_000)): Payload => ({
  metadata: { encoding: Buffer.from('binary/encrypted'), 'countersign-run': Buffer.from(runId) },
  data,
});
const plainOf = ({ metadata, data }: Payload) => ({
  encoding: Buffer.from(metadata?.['encoding'] ?? []).toString(),
  data: Buffer.from(data ?? []).toString('base64'),
});

describe('a reference', () => {
  it('names run and digest, and gives back the payload, in a process that did not write it', async () => {
    const runId = `default/answer/${ulid()}`;
    const payload = encrypted(runId);
    const [claim] = await driverOf(counted().store).store({}, [payload]);
    expect(claim?.claimData).toEqual({ run: runId, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    const [read] = await driverOf(counted().store).retrieve({}, [claim as StorageDriverClaim]);
    expect(plainOf(read ?? {})).toEqual(plainOf(payload));
  });

  it('to one value, used five times in a run, is one blob, written and read once', async () => {
    const runId = `default/answer/${ulid()}`;
    const payload = encrypted(runId);
    const writer = counted();
    const driver = driverOf(writer.store);
    const claims = await driver.store({}, [payload, payload]);
    for (let i = 0; i < 3; i++) claims.push(...(await driver.store({}, [payload])));
    expect(new Set(claims.map((claim) => claim.claimData['digest'])).size).toBe(1);
    expect(writer.calls).toEqual({ put: 1, get: 0 });
    expect(await writer.store.list(runId)).toHaveLength(1);
    await driver.retrieve({}, claims);
    expect(writer.calls.get).toBe(0);
    const reader = counted();
    const other = driverOf(reader.store);
    for (const claim of claims) await other.retrieve({}, [claim]);
    expect(reader.calls.get).toBe(1);
  });

  it('is given out an hour later only once it was put again: it may have been collected since', async () => {
    let now = Date.now();
    const writer = counted();
    const driver = driverOf(writer.store, () => now);
    const payload = encrypted(`default/answer/${ulid()}`);
    const [claim] = await driver.store({}, [payload]);
    now += 59 * 60_000;
    await driver.store({}, [payload]);
    expect(writer.calls.put).toBe(1);
    now += 60_000;
    await database.sql('owner')`delete from blobs where digest = ${claim?.claimData['digest'] ?? ''}`;
    const again = await driver.store({}, [payload]);
    expect(writer.calls.put).toBe(2);
    expect(await driverOf(counted().store).retrieve({}, again)).toHaveLength(1);
    // Set back, the clock says nothing.
    now -= 5 * 3_600_000;
    await driver.store({}, [payload]);
    expect(writer.calls.put).toBe(3);
  });

  it('is not given out for what could not be kept, and the next attempt keeps it', async () => {
    const { store } = counted();
    let full = true;
    const driver = driverOf({
      ...store,
      put: async (blobs) => {
        if (full) throw new Error('could not extend file: No space left on device');
        await store.put(blobs);
      },
    });
    const payload = encrypted(`default/answer/${ulid()}`);
    await expect(driver.store({}, [payload])).rejects.toThrow('No space left');
    full = false;
    const claims = await driver.store({}, [payload]);
    expect(await driverOf(store).retrieve({}, claims)).toHaveLength(1);
  });

  it.each([
    ['is gone', 'is not there', (digest: string) => database.sql('owner')`delete from blobs where digest = ${digest}`],
    [
      'was changed by one byte',
      'was changed',
      (digest: string) => database.sql('owner')`
        update blobs set content = set_byte(content, 100, get_byte(content, 100) # 1) where digest = ${digest}`,
    ],
  ])('to what %s is an error that names run and digest', async (_, message, harm) => {
    const runId = `default/answer/${ulid()}`;
    const [claim] = await driverOf(counted().store).store({}, [encrypted(runId)]);
    const digest = claim?.claimData['digest'] ?? '';
    await harm(digest);
    const reading = driverOf(counted().store).retrieve({}, [claim as StorageDriverClaim]);
    await expect(reading).rejects.toMatchObject({ type: Failure.BlobMissing, nonRetryable: true });
    await expect(reading).rejects.toThrow(`A payload of run ${runId} ${message} (${digest})`);
  });

  it('that is none of ours is refused', async () => {
    const driver = driverOf(counted().store);
    for (const claimData of [{}, { run: 'r' }, { run: 'r', digest: 'md5:1' }] as Record<string, string>[]) {
      await expect(driver.retrieve({}, [new StorageDriverClaim(claimData)])).rejects.toMatchObject({
        type: Failure.PayloadUnreadable,
      });
    }
  });
});

describe('a payload in clear', () => {
  it('is not kept', async () => {
    const plain = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('"canary"') };
    await expect(driverOf(counted().store).store({}, [plain])).rejects.toThrow('not encrypted');
  });
});
