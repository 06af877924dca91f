// Big payloads in a bucket of a service that speaks S3. Tries nothing again: that is Temporal's to do. Reads no environment.
import { AwsClient } from 'aws4fetch';
import type { Digest } from '../../workflows/protocol/index.ts';
import { messageOf } from '../errors.ts';
import type { BlobStore, KeptBlob } from './blob-store.ts';
import type { Page } from './s3-listing.ts';
import { readPage } from './s3-listing.ts';

export interface S3Settings {
  /** Endpoint, for example `https://s3.eu-central-1.amazonaws.com`. The bucket goes into the path. */
  readonly url: string;
  readonly bucket: string;
  readonly region: string;
  /** Goes before every key; ends with `/`. @default none */
  readonly prefix?: string;
  readonly accessKeyId: string;
  /** Never sent and never logged: it signs. */
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Of one request, until the last byte of its answer. @default 30000 */
  readonly timeoutMs?: number;
  /** Keys in a page of a listing, at most 1000. @default 1000 */
  readonly pageSize?: number;
}

/** Requests at once for one call. */
const CONCURRENCY = 8;

interface Answer {
  readonly status: number;
  readonly bytes: Uint8Array;
}

interface Ask {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** Absent for the bucket itself. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/**
 * A blob is the object `PREFIX/RUN/HEX`, HEX being its digest. `remove` removes objects: in a bucket that keeps versions, the
 * bucket's own rules remove those.
 *
 * Every method throws an Error when the service cannot be reached, is too slow, redirects, or refuses; it names bucket, key and
 * status, and no credentials.
 */
export function createS3Blobs(settings: S3Settings): BlobStore {
  const { bucket, prefix = '', region, accessKeyId, secretAccessKey, sessionToken } = settings;
  const { timeoutMs = 30_000, pageSize = 1000 } = settings;
  const base = `${settings.url.replace(/\/+$/, '')}/${bucket}`;
  const client = new AwsClient({
    service: 's3',
    region,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    retries: 0,
  });
  const folderOf = (runId: string): string => `${prefix}${runId}/`;
  const keyOf = (runId: string, digest: Digest): string => `${folderOf(runId)}${hexOf(digest)}`;
  const describe = ({ method, key }: Ask): string => `S3: ${method} ${bucket}${key === undefined ? '' : `/${key}`}`;

  async function send(ask: Ask): Promise<Answer> {
    const { method, key, query, headers = {}, body } = ask;
    const path = key === undefined ? '' : `/${key.split('/').map(encodeURIComponent).join('/')}`;
    try {
      const response = await client.fetch(
        `${base}${path}${query === undefined ? '' : `?${new URLSearchParams(query)}`}`,
        {
          method,
          headers,
          // A redirect could take a payload elsewhere; its status is refused like any other.
          redirect: 'manual',
          signal: AbortSignal.timeout(timeoutMs),
          ...(body !== undefined && { body: body as Uint8Array<ArrayBuffer> }),
        },
      );
      return { status: response.status, bytes: new Uint8Array(await response.arrayBuffer()) };
    } catch (cause) {
      throw new Error(`${describe(ask)} got no answer: ${reasonOf(cause)}`, { cause });
    }
  }

  function refused(ask: Ask, answer: Answer): Error {
    const code = codeOf(answer);
    return new Error(
      `${describe(ask)} was answered ${answer.status}${code === '' ? '' : ` ${code}`}${adviceFor(answer.status)}`,
    );
  }

  /** One page of what lies under a prefix, from a key or a token on. */
  async function listPage(under: string, from: Readonly<Record<string, string>>): Promise<Page> {
    const query = { 'list-type': '2', prefix: under, 'max-keys': `${pageSize}`, ...from };
    const ask: Ask = { method: 'GET', query };
    const answer = await send(ask);
    if (answer.status !== 200) throw refused(ask, answer);
    const page = readPage(textOf(answer));
    // Half a list would pass for the whole, and what it lacks would never be removed.
    if (page === undefined || (page.next !== undefined && page.next === from['continuation-token'])) {
      throw new Error(`${describe(ask)} was answered with something that is no list of objects`);
    }
    return page;
  }

  async function listRun(runId: string): Promise<readonly KeptBlob[]> {
    const found: KeptBlob[] = [];
    let token: string | undefined;
    do {
      const from = token === undefined ? {} : { 'continuation-token': token };
      const page = await listPage(folderOf(runId), { delimiter: '/', ...from });
      found.push(...page.objects.flatMap(blobOf));
      token = page.next;
    } while (token !== undefined);
    return found.sort((a, b) => (a.digest < b.digest ? -1 : 1));
  }

  /** Keys of ours end in 64 hex digits, after the run; others are not ours to touch. */
  function blobOf({ key, bytes, changedAt }: Page['objects'][number]): readonly KeptBlob[] {
    const [, runId, hex] = /^(.+)\/([0-9a-f]{64})$/.exec(key.startsWith(prefix) ? key.slice(prefix.length) : '') ?? [];
    return runId === undefined ? [] : [{ runId, digest: `sha256:${hex}`, bytes, putAt: changedAt }];
  }

  async function removeAll(blobs: readonly KeptBlob[]): Promise<void> {
    await inParallel(blobs, async ({ runId, digest }) => {
      const ask: Ask = { method: 'DELETE', key: keyOf(runId, digest) };
      const answer = await send(ask);
      if (answer.status !== 204 && answer.status !== 200) throw refused(ask, answer);
    });
  }

  return {
    name: 's3',
    async put(blobs) {
      await inParallel(blobs, async ({ runId, digest, bytes }) => {
        const ask: Ask = {
          method: 'PUT',
          key: keyOf(runId, digest),
          // Signed: the service refuses a body with another digest.
          headers: { 'x-amz-content-sha256': hexOf(digest), 'content-type': 'application/octet-stream' },
          body: bytes,
        };
        const answer = await send(ask);
        if (answer.status !== 200) throw refused(ask, answer);
      });
    },
    async get(refs) {
      return await inParallel(refs, async ({ runId, digest }) => {
        const ask: Ask = { method: 'GET', key: keyOf(runId, digest) };
        const answer = await send(ask);
        if (answer.status === 200) return answer.bytes;
        // A run ends for a blob that is gone. A bucket that is gone, or a proxy that knows no such path, may be put right.
        if (answer.status === 404 && codeOf(answer) === 'NoSuchKey') return undefined;
        throw refused(ask, answer);
      });
    },
    async remove(runId, digests) {
      const kept = await listRun(runId);
      // S3 does not say whether there was something to remove: the list does.
      const removed = digests === undefined ? kept : kept.filter(({ digest }) => digests.includes(digest));
      await removeAll(removed);
      return removed.length;
    },
    list: async (runId) => (await listRun(runId)).map(({ digest }) => digest),
    async scan(tenant, after) {
      const from = after === undefined ? {} : { 'start-after': after };
      const { objects, next } = await listPage(`${prefix}${tenant}/`, from);
      // A key rather than the token of the service: it holds as long as we like.
      return { blobs: objects.flatMap(blobOf), next: next === undefined ? undefined : objects.at(-1)?.key };
    },
    async collect({ runId, digests, before }) {
      // Listed once more: what was put again since the scan is younger now.
      const old = (await listRun(runId)).filter(({ digest, putAt }) => digests.includes(digest) && putAt < before);
      await removeAll(old);
      return old.map(({ digest, bytes }) => ({ digest, bytes }));
    },
  };
}

const hexOf = (digest: Digest): string => digest.slice('sha256:'.length);

/** Results in the order of the items. The first failure rejects, and no further item is begun. */
async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results = new Array<R>(items.length);
  // One generator for all lanes: leaving a loop by an error closes it for the others.
  const queue = (function* () {
    yield* items.entries();
  })();
  const lane = async (): Promise<void> => {
    for (const [i, item] of queue) results[i] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, items.length) }, lane));
  return results;
}

const textOf = ({ bytes }: Answer): string => new TextDecoder().decode(bytes);

/** What the service calls its refusal. Of its answer only this: the rest names the access key. */
const codeOf = (answer: Answer): string => /<Code>([A-Za-z0-9.]{1,80})<\/Code>/.exec(textOf(answer))?.[1] ?? '';

function adviceFor(status: number): string {
  if (status === 401 || status === 403) return '. Check the credentials, and what they may do in the bucket';
  if (status === 404 || (status >= 300 && status < 400))
    return '. Check the URL, the region and the name of the bucket';
  return '';
}

/** Under the word `fetch failed` lies what happened. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : '';
  return `${messageOf(error)}${cause}`;
}
