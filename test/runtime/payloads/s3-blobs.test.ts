// Blobs in a bucket, against a real server that checks signatures.
import { randomBytes } from 'node:crypto';
import type { Payload } from '@temporalio/common';
import { AwsClient } from 'aws4fetch';
import { beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../../runtime/canonical.ts';
import type { Blob } from '../../../runtime/payloads/blob-store.ts';
import { createBlobStores } from '../../../runtime/payloads/blob-stores.ts';
import { createClaimCheck } from '../../../runtime/payloads/claim-check.ts';
import type { S3Settings } from '../../../runtime/payloads/s3-blobs.ts';
import { createS3Blobs } from '../../../runtime/payloads/s3-blobs.ts';
import { noS3Server, useS3Server } from '../../support/s3-server.ts';
import { useDatabase } from '../../support/services.ts';
import { itKeepsTheBlobContract } from './blob-store.contract.ts';
import { blobOf, blobsOf, hexOf, messageFrom, newRun } from './s3-samples.ts';

const database = useDatabase();
const server = useS3Server();

describe('blobs in a bucket', () => {
  beforeEach((context) => context.skip(noS3Server !== undefined, noS3Server));

  itKeepsTheBlobContract(() => createS3Blobs({ ...server.settings(), prefix: 'countersign/blobs/' }));

  it('are listed and removed to the last page', async () => {
    const runId = newRun();
    const blobs = blobsOf(runId, 7);
    const store = createS3Blobs({ ...server.settings(), pageSize: 3 });
    await store.put(blobs);
    expect(await store.list(runId)).toEqual(blobs.map(({ digest }) => digest).sort());
    expect(await store.remove(runId)).toBe(7);
    expect(await store.list(runId)).toEqual([]);
  });

  it('under one prefix are not those under another', async () => {
    const blob = blobOf(newRun());
    const [one, other] = ['one/', 'other/'].map((prefix) => createS3Blobs({ ...server.settings(), prefix }));
    await one?.put([blob]);
    expect(await other?.get([blob])).toEqual([undefined]);
    expect(await other?.list(blob.runId)).toEqual([]);
    expect(await one?.list(blob.runId)).toEqual([blob.digest]);
  });

  it.each([
    ['secret', { secretAccessKey: 'canary-secret' }, 'SignatureDoesNotMatch'],
    ['access key', { accessKeyId: 'canary-id' }, 'InvalidAccessKeyId'],
  ])('are refused with another %s, and the error names no credentials', async (_, change, code) => {
    const settings: S3Settings = { ...server.settings(), ...change };
    const store = createS3Blobs(settings);
    const blob = blobOf(newRun());
    const message = await messageFrom(store.put([blob]));
    expect(message).toContain(`S3: PUT blobs/${blob.runId}/${hexOf(blob)} was answered 403 ${code}`);
    const others = [() => store.get([blob]), () => store.list(blob.runId), () => store.remove(blob.runId)];
    for (const ask of others) {
      expect(await messageFrom(ask())).toContain(`was answered 403 ${code}. Check the credentials`);
    }
    expect(message).not.toContain(settings.secretAccessKey);
    expect(message).not.toContain(settings.accessKeyId);
    expect(await createS3Blobs(server.settings()).get([blob])).toEqual([undefined]);
  });

  it('are not taken for gone when it is the bucket that is not there', async () => {
    const store = createS3Blobs({ ...server.settings(), bucket: 'nowhere' });
    const blob = blobOf(newRun());
    expect(await messageFrom(store.get([blob]))).toContain(
      `S3: GET nowhere/${blob.runId}/${hexOf(blob)} was answered 404 NoSuchBucket. Check the URL`,
    );
    expect(await messageFrom(store.list(blob.runId))).toContain('was answered 404 NoSuchBucket');
  });
});

describe('payloads of a process with a bucket', () => {
  beforeEach((context) => context.skip(noS3Server !== undefined, noS3Server));
  const payloadOf = (runId: string): Payload => ({
    metadata: { encoding: Buffer.from('binary/encrypted'), 'countersign-run': Buffer.from(runId) },
    data: randomBytes(20_000),
  });
  /** A claim check as a process of its own would have it: nothing cached. */
  const claimCheck = (s3?: S3Settings) =>
    createClaimCheck(createBlobStores(database.db('worker'), s3 === undefined ? {} : { s3 }));
  const driverOf = (storage: ReturnType<typeof claimCheck>, name: string) => {
    const driver = storage.drivers.find((each) => each.name === name);
    if (driver === undefined) throw new Error(`no driver ${name}`);
    return driver;
  };

  it('go to the bucket, and those put into the table before are still read', async () => {
    const runId = newRun();
    const [early, late] = [payloadOf(runId), payloadOf(runId)];
    const before = claimCheck();
    expect(before.drivers.map(({ name }) => name)).toEqual(['countersign-postgres']);
    const earlyClaims = await driverOf(before, 'countersign-postgres').store({}, [early]);

    const writer = claimCheck(server.settings());
    expect(writer.drivers.map(({ name }) => name)).toEqual(['countersign-s3', 'countersign-postgres']);
    expect(writer.driverSelector?.({}, late)).toBe(driverOf(writer, 'countersign-s3'));
    const lateClaims = await driverOf(writer, 'countersign-s3').store({}, [late]);
    expect(await createS3Blobs(server.settings()).list(runId)).toEqual([lateClaims[0]?.claimData['digest']]);

    const reader = claimCheck(server.settings());
    const read = [
      ...(await driverOf(reader, 'countersign-postgres').retrieve({}, earlyClaims)),
      ...(await driverOf(reader, 'countersign-s3').retrieve({}, lateClaims)),
    ];
    expect(read.map(({ data }) => data && sha256(data))).toEqual(
      [early, late].map(({ data }) => sha256(data ?? new Uint8Array())),
    );
  });

  it('that were changed in the bucket are refused', async () => {
    const runId = newRun();
    const driver = driverOf(claimCheck(server.settings()), 'countersign-s3');
    const [claim] = await driver.store({}, [payloadOf(runId)]);
    if (claim === undefined) throw new Error('no claim');
    const digest = claim.claimData['digest'] as Blob['digest'];
    await putObject(server.settings(), `${runId}/${hexOf({ digest })}`, 'of somebody else');
    const reader = driverOf(claimCheck(server.settings()), 'countersign-s3');
    await expect(reader.retrieve({}, [claim])).rejects.toThrow(`A payload of run ${runId} was changed (${digest})`);
  });
});

/** Puts an object past the adapter, which would have its digest checked. */
async function putObject({ url, bucket, ...settings }: S3Settings, key: string, body: string): Promise<void> {
  const client = new AwsClient({ service: 's3', ...settings });
  const { status } = await client.fetch(`${url}/${bucket}/${key}`, { method: 'PUT', body });
  expect(status).toBe(200);
}
