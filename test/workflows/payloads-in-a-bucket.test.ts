// A real run of an engine whose configuration names a bucket: worker and client put big payloads there, and read them from there.
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { createS3Blobs } from '../../runtime/payloads/s3-blobs.ts';
import { pure } from '../../worker/index.ts';
import { CUSTOMER, RELEASE, useEngine } from '../support/engine.ts';
import { noS3Server, useS3Server } from '../support/s3-server.ts';

const server = useS3Server();
const engine = useEngine({
  workflowsPath: fileURLToPath(new URL('./flows/payloads.ts', import.meta.url)),
  activities: {
    makeText: pure(async (bytes: number) => randomBytes(bytes / 2).toString('hex')),
    lengthOf: pure(async (text: string) => text.length),
  },
  s3: () => (noS3Server === undefined ? server.settings() : undefined),
  startWorker: noS3Server === undefined,
});

describe('a run of an engine with a bucket', () => {
  beforeEach((context) => context.skip(noS3Server !== undefined, noS3Server));

  it('has its big payloads there, none of them in the table, and its reply is read from there', async () => {
    const run = await engine.client.start('carriesMuch', { bytes: 50_000 }, { release: RELEASE, principal: CUSTOMER });
    const { question } = (await run.result()) as { question: string };
    expect(question).toMatch(/^[0-9a-f]{50000}$/);
    const bucket = createS3Blobs(server.settings());
    expect((await bucket.list(run.id)).length).toBeGreaterThan(0);
    expect(await engine.sql('owner')`select digest from blobs where run_id = ${run.id}`).toHaveLength(0);
    const { bytes } = await run.timeline();
    expect(bytes).toBeLessThan(20 * 1024);
  });
});
