// What the S3 adapter makes of answers that a healthy server does not give. A server of our own gives them.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Blob } from '../../../runtime/payloads/blob-store.ts';
import type { S3Settings } from '../../../runtime/payloads/s3-blobs.ts';
import { createS3Blobs } from '../../../runtime/payloads/s3-blobs.ts';
import { blobOf, blobsOf, hexOf, messageFrom, newRun } from './s3-samples.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

describe('a service', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  /** Answers as it is told, and remembers what it was asked. */
  async function serve(handler: Handler) {
    const requests: { readonly line: string; readonly headers: IncomingMessage['headers']; readonly body: Buffer }[] =
      [];
    const http = createServer(async (request, response) => {
      const body = await buffer(request);
      requests.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
      handler(request, response, body);
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const stop = async (): Promise<void> => {
      const closed = new Promise<void>((resolve) => http.close(() => resolve()));
      http.closeAllConnections();
      await closed;
    };
    stops.push(stop);
    const settings: S3Settings = {
      url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
      bucket: 'blobs',
      region: 'eu-north-1',
      accessKeyId: 'canary-id',
      secretAccessKey: 'canary-secret',
    };
    return { settings, requests, stop };
  }
  const page = (truncated: boolean, token: string, blobs: readonly Blob[] = []): string =>
    [
      `<ListBucketResult><IsTruncated>${truncated}</IsTruncated>`,
      ...blobs.map(
        (blob) =>
          `<Contents><Key>${blob.runId}/${hexOf(blob)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>64</Size></Contents>`,
      ),
      `${token}</ListBucketResult>`,
    ].join('');

  it('is sent the digest of what it is sent, signed, and never the secret', async () => {
    const { settings, requests } = await serve((_, response) => response.end());
    const blob = blobOf(newRun());
    await createS3Blobs({ ...settings, url: `${settings.url}/`, sessionToken: 'canary-token' }).put([blob]);
    const [request] = requests;
    expect(requests).toHaveLength(1);
    expect(request?.line).toBe(`PUT /blobs/${blob.runId}/${hexOf(blob)}`);
    expect(request?.headers['x-amz-content-sha256']).toBe(
      createHash('sha256')
        .update(request?.body ?? '')
        .digest('hex'),
    );
    expect(request?.headers['x-amz-security-token']).toBe('canary-token');
    expect(request?.headers.authorization).toMatch(
      /Credential=canary-id\/\d{8}\/eu-north-1\/s3\/aws4_request, SignedHeaders=[^,]*x-amz-content-sha256[^,]*x-amz-security-token/,
    );
    expect(JSON.stringify(request)).not.toContain('canary-secret');
  });

  it.each([500, 503, 429, 307])(
    'that answers %i is asked once, and the error names bucket, key and status',
    async (status) => {
      const { settings, requests } = await serve((_, response) => {
        response.writeHead(status, { location: '/elsewhere' });
        response.end('<Error><Code>SlowDown</Code><AWSAccessKeyId>canary-id</AWSAccessKeyId></Error>');
      });
      const blob = blobOf(newRun());
      const store = createS3Blobs(settings);
      const messages = [
        await messageFrom(store.put([blob])),
        await messageFrom(store.get([blob])),
        await messageFrom(store.list(blob.runId)),
      ];
      expect(requests).toHaveLength(3);
      expect(messages[0]).toContain(`S3: PUT blobs/${blob.runId}/${hexOf(blob)} was answered ${status} SlowDown`);
      expect(messages[1]).toContain(`S3: GET blobs/${blob.runId}/${hexOf(blob)} was answered ${status} SlowDown`);
      expect(messages[2]).toContain(`S3: GET blobs was answered ${status} SlowDown`);
      expect(messages.join()).not.toContain('canary');
    },
  );

  it('that is away is an error that says so', async () => {
    const { settings, stop } = await serve(() => {});
    await stop();
    const blob = blobOf(newRun());
    const message = await messageFrom(createS3Blobs(settings).get([blob]));
    expect(message).toContain(`S3: GET blobs/${blob.runId}/${hexOf(blob)} got no answer: fetch failed: `);
    expect(message).toContain('ECONNREFUSED');
    expect(message).not.toContain('canary');
  });

  it.each([
    ['says nothing', () => {}],
    [
      'stops in the middle of a blob',
      (_: unknown, response: ServerResponse) => void response.writeHead(200).write('x'),
    ],
  ] as [string, Handler][])('that %s is given up after the time allowed', async (_, handler) => {
    const { settings } = await serve(handler);
    const store = createS3Blobs({ ...settings, timeoutMs: 100 });
    expect(await messageFrom(store.get([blobOf(newRun())]))).toMatch(/got no answer: .*timeout/i);
  });

  it('that knows no such path has not lost the blob', async () => {
    const { settings } = await serve((_, response) => response.writeHead(404).end('<html>not found</html>'));
    expect(await messageFrom(createS3Blobs(settings).get([blobOf(newRun())]))).toContain(
      'was answered 404. Check the URL',
    );
  });

  it.each([
    ['a page of a portal', '<html>sign in</html>'],
    ['a list that goes on, and not where', page(true, '')],
    ['the same page again and again', page(true, '<NextContinuationToken>t</NextContinuationToken>')],
  ])('that lists with %s is not taken for an empty bucket', async (_, body) => {
    const { settings } = await serve((_request, response) => response.end(body));
    expect(await messageFrom(createS3Blobs(settings).list(newRun()))).toContain('that is no list of objects');
  });

  it('gets its continuation token back as it meant it', async () => {
    const runId = newRun();
    const [a, b] = [blobOf(runId), blobOf(runId)];
    const { settings, requests } = await serve((request, response) =>
      response.end(
        request.url?.includes('continuation-token')
          ? page(false, '', [b])
          : page(true, '<NextContinuationToken>1&amp;2&#43;&lt;&#x3D; /&quot;</NextContinuationToken>', [a]),
      ),
    );
    expect(await createS3Blobs(settings).list(runId)).toEqual([a.digest, b.digest].sort());
    const asked = requests.map(({ line }) => new URL(line.slice('GET '.length), settings.url).searchParams);
    expect(asked.map((query) => query.get('continuation-token'))).toEqual([null, '1&2+<= /"']);
    expect(asked.map((query) => query.get('prefix'))).toEqual([`${runId}/`, `${runId}/`]);
  });

  it('is asked for eight blobs at a time, and answers reach who asked', async () => {
    const waiting: (() => void)[] = [];
    let most = 0;
    const { settings } = await serve((request, response) => {
      waiting.push(() => response.end(request.url));
      most = Math.max(most, waiting.length);
    });
    const blobs = blobsOf(newRun(), 20);
    const reading = createS3Blobs(settings).get(blobs);
    for (let left = blobs.length; left > 0; left--) {
      await vi.waitFor(() => expect(waiting.length).toBe(Math.min(8, left)), { timeout: 20_000, interval: 5 });
      // The last to come is answered first.
      waiting.pop()?.();
    }
    const got = await reading;
    expect(got.map((bytes) => Buffer.from(bytes ?? []).toString())).toEqual(
      blobs.map((blob) => `/blobs/${blob.runId}/${hexOf(blob)}`),
    );
    expect(most).toBe(8);
  });

  it('is sent no more blobs after it has refused one', async () => {
    const { settings, requests } = await serve((_, response) => response.writeHead(507).end());
    expect(await messageFrom(createS3Blobs(settings).put(blobsOf(newRun(), 50)))).toContain('was answered 507');
    expect(requests.length).toBeLessThanOrEqual(8);
  });
});
