// What every blob store must do. Each adapter runs it against a real server.
import { randomBytes } from 'node:crypto';
import { ulid } from 'ulid';
import { expect, it } from 'vitest';
import { sha256 } from '../../../runtime/canonical.ts';
import type { Blob, BlobStore, KeptBlob } from '../../../runtime/payloads/blob-store.ts';
import type { Digest } from '../../../workflows/protocol/index.ts';

const newRun = (): string => `default/answer/${ulid()}`;
const blobOf = (runId: string, bytes: Uint8Array = randomBytes(64)): Blob => ({ runId, digest: sha256(bytes), bytes });
const nowhere: Digest = `sha256:${'0'.repeat(64)}`;

export function itKeepsTheBlobContract(open: () => BlobStore): void {
  it('gives back what it was given, in the order asked for', async () => {
    const runId = newRun();
    const [a, b, c] = [blobOf(runId), blobOf(runId, new Uint8Array([0])), blobOf(runId, randomBytes(300_000))];
    await open().put([a, b, c]);
    const got = await open().get([c, a, b]);
    expect(got.map((bytes) => bytes && sha256(bytes))).toEqual([c.digest, a.digest, b.digest]);
  });

  it('holds 10 MB', async () => {
    const blob = blobOf(newRun(), randomBytes(10 * 1024 * 1024));
    await open().put([blob]);
    const [got] = await open().get([blob]);
    expect(got?.byteLength).toBe(blob.bytes.byteLength);
    expect(sha256(got ?? '')).toBe(blob.digest);
  });

  it('says what is not there, beside what is', async () => {
    const blob = blobOf(newRun());
    await open().put([blob]);
    const [here, missing, ofAnother] = await open().get([
      blob,
      { runId: blob.runId, digest: nowhere },
      { runId: newRun(), digest: blob.digest },
    ]);
    expect(here).toBeDefined();
    expect(missing).toBeUndefined();
    expect(ofAnother).toBeUndefined();
  });

  it('keeps one blob however often it is put, by however many at once', async () => {
    const blob = blobOf(newRun());
    await Promise.all(Array.from({ length: 8 }, () => open().put([blob])));
    expect(await open().list(blob.runId)).toEqual([blob.digest]);
  });

  it('takes and gives nothing', async () => {
    await open().put([]);
    expect(await open().get([])).toEqual([]);
  });

  it('removes the blobs of a run, those named or all, and no other run’s', async () => {
    const [runId, other] = [newRun(), newRun()];
    const [a, b, c] = [blobOf(runId), blobOf(runId), blobOf(runId)];
    const kept = blobOf(other);
    await open().put([a, b, c, kept]);
    expect(await open().remove(runId, [a.digest, nowhere])).toBe(1);
    expect(await open().list(runId)).toEqual([b.digest, c.digest].sort());
    expect(await open().remove(runId)).toBe(2);
    expect(await open().remove(runId)).toBe(0);
    expect(await open().list(runId)).toEqual([]);
    expect(await open().list(other)).toEqual([kept.digest]);
  });

  it('does not take one run id for the beginning of another', async () => {
    const runId = newRun();
    const longer = `${runId}X`;
    await open().put([blobOf(longer)]);
    expect(await open().list(runId)).toEqual([]);
    expect(await open().remove(runId)).toBe(0);
    expect(await open().list(longer)).toHaveLength(1);
  });

  it('shows all of a tenant, page by page, each run together, and nothing of another', async () => {
    const tenant = `t${randomBytes(6).toString('hex')}`;
    const runs = [0, 1, 2].map((): string => `${tenant}/answer/${ulid()}`);
    const blobs = Array.from({ length: 1003 }, (_, i) => blobOf(runs[i % 3] ?? '', randomBytes(i === 0 ? 5000 : 16)));
    const since = Date.now();
    await open().put([...blobs, blobOf(`${tenant}x/answer/${ulid()}`)]);
    const seen: KeptBlob[] = [];
    let pages = 0;
    let after: string | undefined;
    do {
      const page = await open().scan(tenant, after);
      seen.push(...page.blobs);
      pages += 1;
      after = page.next;
    } while (after !== undefined);
    expect(pages).toBe(2);
    expect(seen.map(({ digest }) => digest).sort()).toEqual(blobs.map(({ digest }) => digest).sort());
    const changes = seen.filter(({ runId }, i) => runId !== seen[i - 1]?.runId);
    expect(changes.map(({ runId }) => runId).sort()).toEqual(runs.sort());
    expect(seen.find(({ digest }) => digest === blobs[0]?.digest)?.bytes).toBe(5000);
    // A bucket tells whole seconds.
    for (const { putAt } of seen) expect(putAt.getTime()).toBeGreaterThan(since - 2000);
    expect(await open().scan('nobody')).toEqual({ blobs: [], next: undefined });
  });

  it('collects none that is young, whoever says that nothing refers to it', async () => {
    const blob = blobOf(newRun());
    await open().put([blob]);
    const orphans = { tenant: 'default', runId: blob.runId, digests: [blob.digest], namespaceId: 'n' };
    expect(await open().collect({ ...orphans, before: new Date(Date.now() - 86_400_000) })).toEqual([]);
    expect(await open().list(blob.runId)).toEqual([blob.digest]);
  });
}
