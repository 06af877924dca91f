// The codec server over HTTP, beside a real engine: what it shows, to whom, what it writes down, and what it refuses.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Payload } from '@temporalio/common';
import { exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunHandle } from '../../client/index.ts';
import type { CodecBackend } from '../../gateway/codec-backend.ts';
import { openCodecBackend } from '../../gateway/codec-backend.ts';
import { createCodecLog } from '../../gateway/codec-log.ts';
import { createCodecServer } from '../../gateway/codec-server.ts';
import type { AssertionKey } from '../../runtime/assertion.ts';
import { readAssertionKey, signAssertion } from '../../runtime/assertion.ts';
import type { Reader } from '../../runtime/codec-token.ts';
import { signCodecToken } from '../../runtime/codec-token.ts';
import { pure } from '../../worker/index.ts';
import type { RunId } from '../../workflows/protocol/index.ts';
import { CUSTOMER, RELEASE, useEngine } from '../support/engine.ts';

const QUESTION = 'When is my refund paid after the return is checked?';
const UI = 'https://temporal.example.com';
const AUDITOR: Reader = { id: 'ada', tenant: 'default', roles: ['auditor'] };
const HOUR_S = 3600;
const BIG_BYTES = 900_000;

interface Json {
  readonly metadata: Readonly<Record<string, string>>;
  readonly data: string;
}

/** Words that hardly compress. */
const noise = (bytes: number): string => randomBytes(bytes).toString('base64').slice(0, bytes);
const engine = useEngine({
  workflowsPath: fileURLToPath(new URL('../workflows/flows/payloads.ts', import.meta.url)),
  activities: {
    makeText: pure(async (bytes: number) => noise(bytes)),
    lengthOf: pure(async (text: string) => text.length),
  },
});
let backend: CodecBackend;
let signer: AssertionKey;
let run: RunHandle;
let big: RunHandle;
/** A payload of `big`. */
let reference: Json;
let base = '';
const servers: Server[] = [];
const logged: unknown[] = [];
const log = {
  warn: (...line: unknown[]) => void logged.push(line),
  error: (...line: unknown[]) => void logged.push(line),
};

/** @returns its address */
async function start(options: Partial<Parameters<typeof createCodecServer>[0]> = {}): Promise<string> {
  const server = createCodecServer({ backend: async () => backend, log, origins: [UI], ...options });
  servers.push(server);
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  backend = await openCodecBackend(engine.config('gateway'));
  signer = await readAssertionKey(engine.config('gateway').keyFiles.assertionPrivate);
  base = await start();
  await engine.ingestSample();
  run = await engine.ask(QUESTION);
  expect(await run.result()).toMatchObject({ kind: 'answered' });
  big = await engine.client.start('usesItFiveTimes', { bytes: BIG_BYTES }, { release: RELEASE, principal: CUSTOMER });
  await big.result();
  const found = (await payloadsOf(big)).map(toJson).find(isReference);
  if (found === undefined) throw new Error('no payload is big enough to be referenced');
  reference = found;
});
afterAll(async () => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  await backend.close();
});

/** Every payload of a run's history as the server has it. */
async function payloadsOf(of: RunHandle): Promise<readonly Payload[]> {
  const found: Payload[] = [];
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
    const { metadata } = value as Payload;
    if (metadata?.['encoding'] instanceof Uint8Array) found.push(value as Payload);
    else for (const each of Object.values(value)) look(each);
  };
  look((await of.history({ encoded: true })).events);
  return found;
}

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64');
const textIn = (text: string): string => Buffer.from(text, 'base64').toString('utf8');
const toJson = ({ metadata, data }: Payload): Json => ({
  metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, bytes]) => [name, base64(bytes)])),
  data: base64(data ?? ''),
});
const encodingOf = (payload: Json): string => textIn(payload.metadata['encoding'] ?? '');
const isReference = (payload: Json): boolean => encodingOf(payload) === 'json/protobuf';

async function bearer(reader: Reader = AUDITOR, seconds = HOUR_S): Promise<string> {
  return `Bearer ${await signCodecToken(signer, reader, seconds)}`;
}

interface Asked {
  readonly path?: string;
  readonly authorization?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly at?: string;
}

/** `authorization` is a token of the auditor's, unless it says otherwise; null for none. */
async function ask(payloads: readonly Json[], asked: Asked = {}): Promise<Response> {
  const { path = '/decode', authorization = await bearer(), headers = {}, at = base } = asked;
  return await fetch(`${at}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(authorization !== null && { authorization }),
      ...headers,
    },
    body: asked.body ?? JSON.stringify({ payloads }),
  });
}

async function decoded(payloads: readonly Json[], asked: Asked = {}): Promise<readonly string[]> {
  const response = await ask(payloads, asked);
  expect(response.status).toBe(200);
  const body = (await response.json()) as { payloads: Json[] };
  expect(body.payloads).toHaveLength(payloads.length);
  return body.payloads.map(({ data }) => textIn(data));
}

const errorOf = async (response: Response) => ({
  status: response.status,
  error: ((await response.json()) as { error: string }).error,
});

interface Line {
  readonly tenant: string;
  readonly run_id: string;
  readonly event: string;
  readonly reason: string;
  readonly via: string;
}
/** What the security log got while `act` ran. */
async function linesOf(act: () => Promise<unknown>): Promise<readonly Line[]> {
  const sql = engine.sql('owner');
  const [last] = await sql<{ id: string }[]>`select coalesce(max(id), 0) as id from security_log`;
  await act();
  const rows = await sql<Line[]>`
    select tenant, run_id, event, reason, via from security_log where id > ${last?.id ?? 0} order by id`;
  return [...rows];
}
const refusal = (reason: string, tenant = '-'): Line => ({
  tenant,
  run_id: '',
  event: 'codec-refused',
  reason,
  via: 'codec',
});
const reading = (of: { readonly id: string }, reason: string): Line => ({
  tenant: 'default',
  run_id: of.id,
  event: 'payload-read',
  reason,
  via: 'codec',
});

describe('a history', () => {
  it('is shown in clear, inline payloads and referenced ones, in the order asked for', async () => {
    const payloads = [...(await payloadsOf(run)).map(toJson), reference, ...(await payloadsOf(run)).map(toJson)];
    expect(payloads.filter((each) => encodingOf(each) === 'binary/encrypted').length).toBeGreaterThan(6);
    expect(payloads.map(({ data }) => textIn(data)).join()).not.toContain(QUESTION);

    const texts = await decoded(payloads);
    const middle = (payloads.length - 1) / 2;
    expect(texts[0]).toContain(QUESTION);
    expect(texts[middle]?.length).toBeGreaterThan(BIG_BYTES);
    expect(texts[middle + 1]).toBe(texts[0]);
    expect(texts.filter((text) => text.startsWith('"[countersign'))).toEqual([]);
  });

  it('leaves one line a request and run in the security log, with who looked', async () => {
    const [a, b] = (await payloadsOf(run)).map(toJson);
    const lines = await linesOf(async () => {
      await decoded([a, b] as Json[]);
      await decoded([a] as Json[], { authorization: await bearer({ ...AUDITOR, id: 'op', roles: ['operator'] }) });
    });
    expect(lines).toEqual([reading(run, 'ada'), reading(run, 'op')]);
  });

  it('is not shown while the security log cannot be written', async () => {
    const [payload] = (await payloadsOf(run)).map(toJson);
    const owner = engine.sql('owner');
    await owner`revoke insert on security_log from countersign_gateway`;
    try {
      const response = await ask([payload] as Json[]);
      const text = await response.text();
      expect(response.status).toBe(503);
      expect(text).not.toContain('payloads');
    } finally {
      await owner`grant insert on security_log to countersign_gateway`;
    }
    expect(await decoded([payload] as Json[])).toEqual([expect.stringContaining(QUESTION)]);
  });

  it('in clear comes back as it was, and leaves no line', async () => {
    const plain = {
      metadata: { encoding: base64('json/plain'), more: base64('x') },
      data: base64('"hello"'),
      other: 7,
    };
    const lines = await linesOf(async () => {
      const response = await ask([plain]);
      expect(await response.json()).toEqual({ payloads: [plain] });
    });
    expect(lines).toEqual([]);
  });
});

describe('a payload that cannot be shown', () => {
  const why = async (payload: Json, asked: Asked = {}): Promise<string> => {
    const [good] = (await payloadsOf(run)).map(toJson);
    const texts = await decoded([payload, good as Json], asked);
    expect(texts[1]).toContain(QUESTION);
    return texts[0] ?? '';
  };

  it('because it was changed stands as words beside a good one', async () => {
    const [first] = await payloadsOf(run);
    const data = Buffer.from(first?.data ?? '');
    data.writeUInt8((data.at(-1) ?? 0) ^ 1, data.length - 1);
    expect(await why(toJson({ ...first, data }))).toMatch(
      /^"\[countersign\.payload\.Unreadable\] .*does not open under its key/,
    );
  });

  /** The reference with another claim in it. */
  const claiming = (change: Readonly<Record<string, string>>): Json => {
    const { claimData, ...rest } = JSON.parse(textIn(reference.data)) as { claimData: Record<string, string> };
    return { ...reference, data: base64(JSON.stringify({ ...rest, claimData: { ...claimData, ...change } })) };
  };

  it('because its blob is gone stands as words beside a good one', async () => {
    expect(await why(claiming({ digest: `sha256:${'0'.repeat(64)}` }))).toContain('[countersign.payload.BlobMissing] ');
  });

  it('because its reference is malformed stands as words beside a good one', async () => {
    expect(await why({ ...reference, data: base64('{"canary') })).toMatch(/^"\[countersign\.payload\.Unreadable\] /);
    expect(JSON.stringify(logged)).not.toContain('canary');
  });

  it('because the answer would be too big stands as words, and the ones around it are shown', async () => {
    const [small] = (await payloadsOf(run)).map(toJson) as [Json];
    const count = Math.ceil((64 * 1024 * 1024) / BIG_BYTES) + 1;
    const texts = await decoded([...Array.from({ length: count }, () => reference), small]);
    expect(texts[0]?.length).toBeGreaterThan(BIG_BYTES);
    expect(texts.at(-2)).toContain('[countersign.codec.TooBig] ');
    expect(texts.at(-1)).toContain(QUESTION);
  });

  it('because its run was erased says so, also to a server that has shown it before', async () => {
    const erased = await engine.client.answer(
      { question: QUESTION },
      { release: RELEASE, principal: CUSTOMER, subject: 'mira' },
    );
    await erased.result();
    const [payload] = (await payloadsOf(erased)).map(toJson) as [Json];
    expect(await decoded([payload])).toEqual([expect.stringContaining(QUESTION)]);
    await engine.sql('owner')`
      delete from subject_keys where key_id = (select subject_key_id from run_keys where run_id = ${erased.id})`;
    const lines = await linesOf(async () => {
      expect(await why(payload)).toContain(`[countersign.key.Erased] The content of run ${erased.id} was erased`);
    });
    expect(lines).toEqual([reading(run, 'ada')]);
  });

  it('because it is another namespace’s says so', async () => {
    const [payload] = (await payloadsOf(run)).map(toJson) as [Json];
    const [text] = await decoded([payload], { headers: { 'x-namespace': 'elsewhere' } });
    expect(text).toContain('this server reads the namespace default only');
    expect(await decoded([payload], { headers: { 'x-namespace': 'default' } })).toEqual([
      expect.stringContaining(QUESTION),
    ]);
  });

  describe('because it is another tenant’s', () => {
    const stranger: Reader = { id: 'eve', tenant: 'acme', roles: ['auditor'] };

    it('says so, inline or by reference, and both are written down', async () => {
      const [inline] = (await payloadsOf(run)).map(toJson) as [Json];
      const lines = await linesOf(async () => {
        const texts = await decoded([inline, reference], { authorization: await bearer(stranger) });
        for (const text of texts)
          expect(text).toMatch(/^"\[countersign\.codec\.OtherTenant\] .*your token is for acme/);
      });
      const line = { ...refusal('eve of tenant acme asked'), tenant: 'default' };
      expect(lines).toEqual([run, big].map(({ id }) => ({ ...line, run_id: id })));
    });

    it('is not shown either by a reference that says it is one’s own', async () => {
      // The server has it in memory now.
      expect((await decoded([reference]))[0]?.length).toBeGreaterThan(BIG_BYTES);
      const lines = await linesOf(async () => {
        const forged = claiming({ run: 'acme/answer/01J00000000000000000000000' });
        const [text] = await decoded([forged], { authorization: await bearer(stranger) });
        expect(text).toContain('its reference leads to another run');
      });
      expect(lines).toEqual([]);
    });
  });
});

describe('a request', () => {
  const now = (): number => Math.floor(Date.now() / 1000);
  const claims = { v: 1, principal: AUDITOR };
  interface Times {
    readonly aud?: string;
    readonly iat?: number;
    readonly exp?: number;
  }
  const signed = async (payload: object, key: AssertionKey, times: Times = {}): Promise<string> =>
    await new SignJWT({ aud: 'countersign-codec', iat: now(), exp: now() + 60, ...times, ...payload })
      .setProtectedHeader({ alg: 'EdDSA', kid: key.kid })
      .sign(key.key);
  const otherKey = async (kid: string): Promise<AssertionKey> => {
    const { privateKey } = await generateKeyPair('EdDSA', { extractable: true });
    return { kid, x: '', key: (await importJWK(await exportJWK(privateKey), 'EdDSA')) as AssertionKey['key'] };
  };
  const unsigned = (): string =>
    [{ alg: 'none' }, { ...claims, aud: 'countersign-codec', iat: now(), exp: now() + 60 }, '']
      .map((part) => (part === '' ? '' : Buffer.from(JSON.stringify(part)).toString('base64url')))
      .join('.');

  it.each<[string, string, () => Promise<string | null> | string | null]>([
    ['without a token', 'no bearer token', () => null],
    ['with another scheme', 'no bearer token', () => 'Basic YTpi'],
    ['with no token of ours', 'not a token of ours', () => 'Bearer abc'],
    ['with an unsigned token', 'not a token of ours', () => `Bearer ${unsigned()}`],
    [
      'with a forged token',
      'the signature of the token does not hold',
      async () => `Bearer ${await signed(claims, await otherKey(signer.kid))}`,
    ],
    [
      'with a token that expired',
      'the token has expired',
      async () => `Bearer ${await signed(claims, signer, { iat: now() - 200, exp: now() - 100 })}`,
    ],
    [
      'with a token for another audience',
      'the token was made for another audience',
      async () => `Bearer ${await signed(claims, signer, { aud: 'elsewhere' })}`,
    ],
    [
      'with a token that holds for more than a day',
      'the token holds for more than 24 hours',
      async () => `Bearer ${await signed(claims, signer, { exp: now() + 25 * HOUR_S })}`,
    ],
    [
      'with a token of no principal',
      'the token lacks claims, or has others',
      async () => `Bearer ${await signed({ v: 1 }, signer)}`,
    ],
    [
      'with an assertion, which the same key signs',
      'the token was made for another audience',
      async () => `Bearer ${await signAssertion(signer, { ...CUSTOMER, roles: ['operator'] }, run.id as RunId)}`,
    ],
  ])('%s gets 401, nothing else, and a line: %s', async (_, reason, make) => {
    const [payload] = (await payloadsOf(run)).map(toJson) as [Json];
    const lines = await linesOf(async () => {
      const answer = await errorOf(await ask([payload], { authorization: await make() }));
      expect(answer).toEqual({ status: 401, error: expect.stringContaining(`Not authorised: ${reason}.`) });
    });
    expect(lines).toEqual([refusal(reason)]);
  });

  it.each([[[]], [['customer', 'Auditor']]])('with a token of the roles %j gets 403 and a line', async (roles) => {
    const [payload] = (await payloadsOf(run)).map(toJson) as [Json];
    const lines = await linesOf(async () => {
      const authorization = await bearer({ id: 'customer', tenant: 'default', roles });
      const { status, error } = await errorOf(await ask([payload], { authorization }));
      expect(status).toBe(403);
      expect(error).toContain('auditor, operator');
    });
    expect(lines).toEqual([refusal('customer has no role that may read', 'default')]);
  });

  it('to encode is refused, whoever asks', async () => {
    const { status, error } = await errorOf(await ask([], { path: '/encode' }));
    expect(status).toBe(403);
    expect(error).toContain('Nothing is encoded here');
  });

  it.each<[string, number, Asked]>([
    ['for another path', 404, { path: '/payloads' }],
    ['with a query', 404, { path: '/decode?x=1' }],
    ['of another type', 415, { headers: { 'content-type': 'text/plain' } }],
    ['whose body is no JSON', 400, { body: '{"payloads": canary' }],
    ['whose body is of another shape', 400, { body: '{"payloads":[{"metadata":"canary"}]}' }],
    ['of too many payloads', 413, { body: JSON.stringify({ payloads: Array.from({ length: 1001 }, () => ({})) }) }],
    ['whose body is too big', 413, { body: ' '.repeat(20 * 1024 * 1024 + 1) }],
  ])('%s gets %i and JSON, and nothing of what was sent', async (_, expected, asked) => {
    const response = await ask([], asked);
    const { status, error } = await errorOf(response);
    expect(status).toBe(expected);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(error).not.toContain('canary');
  });

  it('whose body is too big and does not say so gets 413', async () => {
    const chunk = new Uint8Array(1024 * 1024).fill(32);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent++ < 21) controller.enqueue(chunk);
        else controller.close();
      },
    });
    const headers = { 'content-type': 'application/json', authorization: await bearer() };
    const response = await fetch(`${base}/decode`, { method: 'POST', headers, body, duplex: 'half' } as RequestInit);
    expect(response.status).toBe(413);
  });

  it('by another method gets 405', async () => {
    expect((await fetch(`${base}/decode`)).status).toBe(405);
    expect((await fetch(`${base}/decode`, { method: 'DELETE' })).status).toBe(405);
  });

  it('while what is behind it is not there gets 503, and the next one is answered', async () => {
    let ready = false;
    const at = await start({
      backend: async () => {
        if (!ready) throw new Error('no stack file yet');
        return backend;
      },
    });
    expect((await ask([], { at })).status).toBe(503);
    ready = true;
    expect((await ask([], { at })).status).toBe(200);
  });

  it('that is refused again and again fills no table: a hundred lines a minute, and what was left out is counted', async () => {
    let nowMs = 0;
    const codecLog = createCodecLog(log, () => nowMs);
    const refuse = async (): Promise<void> => await codecLog.refused(engine.db('gateway'), { reason: 'r' });
    expect(
      await linesOf(async () => {
        for (let n = 0; n < 130; n += 1) await refuse();
      }),
    ).toEqual(Array.from({ length: 100 }, () => refusal('r')));
    nowMs = 60_000;
    const next = await linesOf(async () => {
      await refuse();
      await refuse();
    });
    expect(next).toEqual([refusal('r (and 30 refusals before it that have no line)'), refusal('r')]);
  });
});

describe('a page', () => {
  const preflight = async (origin: string, at = base): Promise<Response> =>
    await fetch(`${at}/decode`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-namespace',
      },
    });

  it('of the UI may ask, with its headers and a token', async () => {
    const response = await preflight(UI);
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': UI,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': expect.stringMatching(/content-type.*x-namespace.*authorization/),
      vary: 'origin',
    });
    const [payload] = (await payloadsOf(run)).map(toJson) as [Json];
    const answer = await ask([payload], { headers: { origin: UI } });
    expect(answer.headers.get('access-control-allow-origin')).toBe(UI);
    expect(await answer.text()).toContain('payloads');
  });

  it.each(['https://evil.example', 'null', `${UI}.evil.example`, 'http://temporal.example.com'])(
    'of %s may not, not even with a token',
    async (origin) => {
      const lines = await linesOf(async () => {
        const response = await preflight(origin);
        expect(response.status).toBe(403);
        expect(response.headers.get('access-control-allow-origin')).toBeNull();
        expect((await ask([], { headers: { origin } })).status).toBe(403);
      });
      expect(lines).toEqual([refusal('the Origin is not allowed'), refusal('the Origin is not allowed')]);
    },
  );
});

describe('the secret path of a development stack', () => {
  const secret = 'a'.repeat(43);
  const uiUrl = 'http://127.0.0.1:8233';
  const of = (mode: 'development' | 'production') => async (): Promise<CodecBackend> => {
    const { config } = backend;
    return { ...backend, config: { ...config, mode, temporal: { ...config.temporal, uiUrl } } };
  };
  let at = '';
  beforeAll(async () => {
    at = await start({ backend: of('development'), secret, origins: [] });
  });

  it('stands for the auditor, and for pages of the UI by both of its names', async () => {
    const [payload] = (await payloadsOf(run)).map(toJson) as [Json];
    const lines = await linesOf(async () => {
      for (const origin of [uiUrl, 'http://localhost:8233']) {
        const asked = { at, path: `/${secret}/decode`, authorization: null, headers: { origin } };
        expect(await decoded([payload], asked)).toEqual([expect.stringContaining(QUESTION)]);
      }
    });
    expect(lines).toEqual([reading(run, 'auditor'), reading(run, 'auditor')]);
  });

  it('is not needed by those who have a token', async () => {
    const [payload] = (await payloadsOf(run)).map(toJson) as [Json];
    expect(await decoded([payload], { at })).toEqual([expect.stringContaining(QUESTION)]);
  });

  it.each([`/${'b'.repeat(43)}`, '', `/${secret}x`, `/x/${secret}`])('is not %j', async (prefix) => {
    expect((await ask([], { at, path: `${prefix}/decode`, authorization: null })).status).toBe(401);
  });

  it('stands for nobody in production', async () => {
    const production = await start({ backend: of('production'), secret, origins: [] });
    const lines = await linesOf(async () => {
      const { status } = await errorOf(
        await ask([], { at: production, path: `/${secret}/decode`, authorization: null }),
      );
      expect(status).toBe(403);
    });
    expect(lines).toEqual([refusal('there is no development identity auditor')]);
  });

  it('stands for nobody where the server was given none', async () => {
    expect((await ask([], { path: `/${secret}/decode`, authorization: null })).status).toBe(401);
    expect((await ask([], { path: '/undefined/decode', authorization: null })).status).toBe(401);
  });

  it('is of no use to other pages, nor by another name of this machine', async () => {
    const path = `/${secret}/decode`;
    expect((await ask([], { at, path, authorization: null, headers: { origin: UI } })).status).toBe(403);
    const { port } = new URL(at);
    const statusBy = async (host: string): Promise<number | undefined> => {
      const headers = { host, 'content-type': 'application/json' };
      const request = httpRequest({ host: '127.0.0.1', port, path, method: 'POST', headers });
      request.end('{"payloads":[]}');
      const [response] = await once(request, 'response');
      response.resume();
      return response.statusCode;
    };
    const lines = await linesOf(async () => {
      for (const host of ['rebound.example', `rebound.example:${port}`, '127.0.0.1', `127.0.0.1:${Number(port) + 1}`]) {
        expect(await statusBy(host), host).toBe(403);
      }
    });
    expect(lines).toEqual(Array.from({ length: 4 }, () => refusal('the Host is not a loopback name')));
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`]) expect(await statusBy(host), host).toBe(200);
  });

  it('is in no line of the log', () => {
    expect(logged.length).toBeGreaterThan(0);
    expect(JSON.stringify(logged)).not.toContain(secret);
  });
});
