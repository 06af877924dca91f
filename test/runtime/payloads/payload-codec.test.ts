// The codec: what it hides, what it binds, and that without a key there is an error and no clear text.
import { randomBytes } from 'node:crypto';
import type { Payload } from '@temporalio/common';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { encodeFailure } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { describe, expect, it } from 'vitest';
import { erased, newKey } from '../../../runtime/keys/index.ts';
import { keyUnavailable } from '../../../runtime/keys/key-provider.ts';
import type { CodecOptions } from '../../../runtime/payloads/payload-codec.ts';
import { createPayloadCodec } from '../../../runtime/payloads/payload-codec.ts';
import { failureConverter } from '../../../workflows/failure-converter.ts';
import { Failure } from '../../../workflows/protocol/index.ts';

const RUN = 'default/answer/01JD0000000000000000000001';
const OTHER = 'default/answer/01JD0000000000000000000002';
const STRAY = 'default/answer/01JD0000000000000000000003';
const GONE = 'default/answer/01JD0000000000000000000004';
const AWAY = 'default/answer/01JD0000000000000000000005';

const keyOf = new Map([RUN, OTHER].map((run) => [run, newKey()]));
const strayKey = newKey();
const options: CodecOptions = {
  namespace: 'default',
  keys: {
    runKeys: {
      async find(runId) {
        if (runId === GONE) throw erased(runId);
        if (runId === AWAY) throw keyUnavailable('vault', new Error('connect ECONNREFUSED'));
        const key = keyOf.get(runId);
        if (key === undefined) return undefined;
        return { key, requester: 'ada', releaseDigest: null, collection: null, requestHash: 'h' };
      },
    },
    tenantKeys: { unledgered: async () => strayKey },
  },
};
/** A process that writes, and one that reads: the first hands back by itself what it has just written. */
const codec = createPayloadCodec(options);
const reader = createPayloadCodec(options);

const at = (workflowId: string, namespace = 'default') => ({ type: 'workflow', namespace, workflowId }) as const;
const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload(value) as Payload;
const encode = async (value: unknown, run = RUN): Promise<Payload> =>
  (await codec.encode([payloadOf(value)], at(run)))[0] ?? {};
const decode = async (payload: Payload, run = RUN): Promise<unknown> =>
  defaultPayloadConverter.fromPayload((await reader.decode([payload], at(run)))[0] ?? {});
const bytesOf = ({ data, metadata }: Payload): Buffer =>
  Buffer.concat([data ?? new Uint8Array(), ...Object.values(metadata ?? {}).map((value) => value ?? new Uint8Array())]);

describe('a payload', () => {
  it.each([
    ['a text', 'Where is my order?'],
    ['nothing', undefined],
    ['null', null],
    ['bytes', new Uint8Array([0, 1, 255])],
    ['a nested value', { a: [1, { b: 'ü€𝄞' }], c: '' }],
    ['text that compresses', 'again and '.repeat(1000)],
    ['10 MB that do not compress', randomBytes(5 * 1024 * 1024).toString('hex')],
  ])('of %s is what it was after both ways', async (_, value) => {
    expect(await decode(await encode(value))).toEqual(value);
  });

  it('shows neither its content nor its kind, but the run whose key it is under', async () => {
    const text = bytesOf(await encode({ question: 'canary 4711', json: true })).toString('latin1');
    for (const word of ['canary', 'question', 'json']) expect(text).not.toContain(word);
    expect(text).toContain(RUN);
  });

  it('is the same bytes for the same value in a run, and others in another run', async () => {
    expect(await encode('the same')).toEqual(await encode('the same'));
    expect((await encode('the same')).data).not.toEqual((await encode('the same', OTHER)).data);
    expect((await encode('the same')).data).not.toEqual((await encode('not the same')).data);
  });

  it('of the engine’s chores is read by their next execution, and by no run', async () => {
    const [first, next] = [
      'countersign:maintain:q-2026-01-01T00:00:00Z',
      'countersign:maintain:q-2026-01-01T01:00:00Z',
    ];
    const payload = await encode({ collected: 1 }, first);
    expect(bytesOf(payload).toString('latin1')).not.toContain('collected');
    expect(await decode(payload, next)).toEqual({ collected: 1 });
    for (const run of [RUN, STRAY, 'countersign/maintain/01JD0000000000000000000001']) {
      await expect(decode(payload, run)).rejects.toMatchObject({ type: Failure.PayloadUnreadable });
    }
    await expect(decode(await encode('x', STRAY), next)).rejects.toMatchObject({ type: Failure.PayloadUnreadable });
  });

  it('is smaller than a text that repeats itself', async () => {
    const text = 'Refunds are paid within 5 to 7 business days. '.repeat(200);
    expect((await encode(text)).data?.length).toBeLessThan(text.length / 10);
  });

  it('is refused with one byte changed, wherever', async () => {
    const payload = await encode('thirty days');
    const data = payload.data ?? new Uint8Array();
    for (let i = 0; i < data.length; i++) {
      const changed = data.map((byte, j) => (i === j ? byte ^ 1 : byte));
      await expect(decode({ ...payload, data: changed }), `byte ${i}`).rejects.toMatchObject({
        type: Failure.PayloadUnreadable,
        nonRetryable: true,
      });
    }
    for (const size of [0, 1, 13, data.length - 1]) {
      await expect(decode({ ...payload, data: data.subarray(0, size) })).rejects.toThrow('does not open under its key');
    }
  });

  it('is refused in another run, under another name, and in another namespace', async () => {
    const payload = await encode('thirty days');
    await expect(decode(payload, OTHER)).rejects.toThrow(`a payload of run ${RUN} stands in ${OTHER}`);
    const renamed = { ...payload, metadata: { ...payload.metadata, 'countersign-run': Buffer.from(OTHER) } };
    await expect(decode(renamed, OTHER)).rejects.toMatchObject({ type: Failure.PayloadUnreadable });
    await expect(reader.decode([payload], at(RUN, 'elsewhere'))).rejects.toMatchObject({
      type: Failure.PayloadUnreadable,
    });
  });

  it('is read without being told the run, as a codec server does', async () => {
    const [read] = await reader.decode([await encode('thirty days')]);
    expect(defaultPayloadConverter.fromPayload(read ?? {})).toBe('thirty days');
  });

  it('is handed back by the process that wrote it, for these very bytes and this run only', async () => {
    const payload = await encode('thirty days');
    const data = payload.data ?? new Uint8Array();
    // Behind the nonce, by which it is found.
    const changed = data.map((byte, i) => (i === 20 ? byte ^ 1 : byte));
    await expect(codec.decode([{ ...payload, data: changed }], at(RUN))).rejects.toThrow('does not open under its key');
    await expect(codec.decode([payload], at(OTHER))).rejects.toThrow('stands in');
    for (let times = 0; times < 3; times++) {
      const [read] = await codec.decode([payload], at(RUN));
      expect(defaultPayloadConverter.fromPayload(read ?? {})).toBe('thirty days');
    }
  });

  it('in clear is read as it is: exported histories have such', async () => {
    expect(await codec.decode([payloadOf('plain')], at(RUN))).toEqual([payloadOf('plain')]);
  });
});

describe('without a key', () => {
  const failureOf = async (run: string): Promise<ApplicationFailure> => {
    const failure = await codec.encode([payloadOf('canary 4711')], at(run)).then(
      (payloads) => ({ payloads }),
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(JSON.stringify(failure)).not.toContain('canary');
    return failure as ApplicationFailure;
  };

  it('of a run that was erased nothing is written or read, for good', async () => {
    expect(await failureOf(GONE)).toMatchObject({ type: Failure.Erased, nonRetryable: true });
    const payload = await encode('thirty days');
    const moved = { ...payload, metadata: { ...payload.metadata, 'countersign-run': Buffer.from(GONE) } };
    await expect(decode(moved, GONE)).rejects.toMatchObject({ type: Failure.Erased });
  });

  it('of a provider that is away nothing is written, and it is tried again', async () => {
    expect(await failureOf(AWAY)).toMatchObject({ type: Failure.KeyUnavailable, nonRetryable: false });
  });

  it.each([
    ['that was erased', GONE],
    ['of a provider that is away', AWAY],
    ['that the SDK does not name, as for a workflow task that failed', undefined],
  ])('of a run %s a failure is told all the same: places in code, and no words', async (_, run) => {
    const failure = failureConverter.errorToFailure(new Error('canary 4711\n at canary'), defaultPayloadConverter);
    expect(failure.message).toBe('Encoded failure');
    const [written] = await codec.encode([failure.encodedAttributes ?? {}], run === undefined ? undefined : at(run));
    const text = Buffer.from(written?.data ?? []).toString('utf8');
    expect(text).not.toContain('canary');
    expect(JSON.parse(text)).toEqual({
      message: expect.stringContaining('Not told here'),
      stack_trace: expect.stringMatching(/^ +at .*payload-codec\.test\.ts:\d+:\d+\)?$/m),
    });
  });

  it('of a run that was erased the details of a failure go without words, too, and those of its causes', async () => {
    const cause = ApplicationFailure.create({ message: 'canary', details: ['canary'] });
    const error = ApplicationFailure.create({ message: 'canary', type: 'Told', details: [{ canary: 1 }], cause });
    const failure = failureConverter.errorToFailure(error, defaultPayloadConverter);
    const encoded = await encodeFailure([codec], failure, at(GONE));
    expect(encoded.applicationFailureInfo).toMatchObject({ type: 'Told' });
    const bytes = [encoded, encoded.cause].flatMap((each) => [
      each?.encodedAttributes ?? {},
      ...(each?.applicationFailureInfo?.details?.payloads ?? []),
    ]);
    expect(bytes).toHaveLength(4);
    for (const payload of bytes) expect(bytesOf(payload).toString('latin1')).not.toContain('canary');
  });

  it('of no run nothing else is written', async () => {
    for (const value of ['canary', { message: 'canary', stack_trace: '' }]) {
      await expect(codec.encode([payloadOf(value)])).rejects.toThrow('a payload of no run cannot be encrypted');
    }
  });

  it('in the ledger a run has a key of its tenant, so that its failure can be told', async () => {
    expect(await decode(await encode('no row', STRAY), STRAY)).toBe('no row');
  });
});
