// The codec of every payload: compressed, then encrypted under the key of its run (AES-256-GCM). Nothing is ever written in clear;
// without a key there is an error. Payloads in clear are read: histories that were exported are.
import { createHmac } from 'node:crypto';
import { promisify } from 'node:util';
import { deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from 'node:zlib';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { ApplicationFailure } from '@temporalio/common';
import type { SerializationContext } from '@temporalio/common/lib/converter/serialization-context.js';
import { FAILURE_MARK, Failure, isMaintenance, MAINTENANCE_RUN, parseRunId } from '../../workflows/protocol/index.ts';
import type { RunKeys, TenantKeys } from '../keys/index.ts';
import { NONCE_BYTES, open, seal } from '../keys/seal.ts';
import { secretKey } from '../keys/secret-key.ts';
import { framesOf } from '../loggable-error.ts';
import { isLost } from './lost.ts';
import { PayloadProto } from './payload-proto.ts';
import { createRecent } from './recent.ts';

/** Temporal's tools know this name for payloads that a codec server can read. */
const ENCODING = 'binary/encrypted';
/** In the metadata: whose key, for readers that are not told (a codec server). An id, never content. */
const RUN = 'countersign-run';
const PREFIX = 'countersign/payload/v1';
/** First byte of the data: what was done to the payload before it was encrypted. */
const PLAIN = 0;
const DEFLATED = 1;
/** Smaller ones would save little, and each takes some 100 µs. */
const MIN_COMPRESSED_BYTES = 1024;
/** The fastest: histories are read and written far more often than they are kept. */
const COMPRESSION = { level: 1 };
/** Bigger ones leave the thread: 1 MiB takes some 15 ms. */
const MAX_SYNC_BYTES = 128 * 1024;
/** What a payload may grow to when it is read: far above what is written, and a bound for what others write. */
const MAX_PAYLOAD_BYTES = 256 * 1024 * 1024;

const deflateLater = promisify(deflateRaw);
const inflateLater = promisify(inflateRaw);
const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

export interface PayloadKeySource {
  readonly runKeys: RunKeys;
  readonly tenantKeys: Pick<TenantKeys, 'unledgered'>;
}

/** A run has a payload that will never be read: changed, gone, or its key destroyed. */
export type OnUnreadable = (runId: string, failure: ApplicationFailure) => void;

export interface CodecOptions {
  readonly keys: PayloadKeySource;
  /** Where the caller does not say. */
  readonly namespace: string;
  /** Told of what cannot be read, now or ever. */
  readonly onUnreadable?: OnUnreadable;
}

/** Keys of a run, derived from its one (HMAC-SHA-256 as in RFC 5869, expand, one block). */
interface PayloadKeys {
  readonly encryption: Uint8Array;
  readonly nonce: Uint8Array;
}

/**
 * The nonce is an HMAC of the plaintext: the same value in a run gives the same bytes, so that what is kept by content is kept once.
 * Additional data: namespace and run, so that a payload cannot be moved to another one.
 *
 * @throws ApplicationFailure PayloadUnreadable, Erased (non-retryable), KeyUnavailable (retryable)
 */
export function createPayloadCodec({
  keys,
  namespace: ownNamespace,
  onUnreadable = () => {},
}: CodecOptions): PayloadCodec & { forget(): void } {
  const derived = new WeakMap<Uint8Array, PayloadKeys>();
  const recent = createRecent();

  async function keysOf(runId: string): Promise<PayloadKeys> {
    const started = await keys.runKeys.find(runId);
    // Started around the ledger: `admit` will fail it, and that failure must be told. Or the engine's chores: figures, no content.
    const runKey = started?.key ?? (await keys.tenantKeys.unledgered(parseRunId(runId)?.tenant ?? 'default', runId));
    const known = derived.get(runKey);
    if (known !== undefined) return known;
    const made = { encryption: derive(runKey, 'encryption'), nonce: derive(runKey, 'nonce') };
    derived.set(runKey, made);
    return made;
  }

  async function encode(payload: Payload, context: SerializationContext | undefined): Promise<Payload> {
    const runId = runNameOf(context);
    const namespace = context?.namespace ?? ownNamespace;
    const ofFailure = payload.metadata?.[FAILURE_MARK] != null;
    if (runId === undefined) {
      if (ofFailure) return withoutContent(payload);
      throw unreadable('a payload of no run cannot be encrypted');
    }
    let key: PayloadKeys;
    try {
      key = await keysOf(runId);
    } catch (error) {
      if (ofFailure) return withoutContent(payload);
      throw error;
    }
    const [kind, body] = await compressed(PayloadProto.encode(payload).finish());
    const nonce = createHmac('sha256', secretKey(key.nonce)).update(Uint8Array.of(kind)).update(body).digest();
    const sealed = seal(key.encryption, aad(namespace, runId, kind), body, nonce.subarray(0, NONCE_BYTES));
    const data = Buffer.concat([Uint8Array.of(kind), sealed]);
    recent.put({ data, runId, namespace, payload });
    return { metadata: { encoding: utf8.encode(ENCODING), [RUN]: utf8.encode(runId) }, data };
  }

  async function decode(payload: Payload, context: SerializationContext | undefined): Promise<Payload> {
    if (!isEncrypted(payload)) return payload;
    const named = runOf(payload);
    const namespace = context?.namespace ?? ownNamespace;
    const runId = runNameOf(context) ?? named;
    if (runId === undefined || named !== runId) {
      throw unreadable(`a payload of run ${named ?? '(none)'} stands in ${runId ?? '(no run)'}`);
    }
    const data = payload.data ?? new Uint8Array();
    const own = recent.take({ data, runId, namespace });
    if (own !== undefined) return own;
    const key = await keysOf(runId);
    const kind = data[0] ?? -1;
    let body: Uint8Array;
    try {
      body = open(key.encryption, aad(namespace, runId, kind), data.subarray(1));
    } catch {
      throw unreadable(`a payload of run ${runId} does not open under its key: it was changed, or is another run's`);
    }
    return PayloadProto.decode(kind === DEFLATED ? await inflated(body) : body);
  }

  return {
    /** Drops what it holds in clear. */
    forget: () => recent.clear(),
    encode: async (payloads, context) => await Promise.all(payloads.map((payload) => encode(payload, context))),
    async decode(payloads, context) {
      try {
        return await Promise.all(payloads.map((payload) => decode(payload, context)));
      } catch (error) {
        const runId = context?.workflowId;
        if (runId !== undefined && isLost(error)) onUnreadable(runId, error);
        throw error;
      }
    },
  };
}

/** What payloads of a workflow name as their run, if the caller says which workflow. */
function runNameOf(context: SerializationContext | undefined): string | undefined {
  const workflowId = context?.workflowId;
  return workflowId !== undefined && isMaintenance(workflowId) ? MAINTENANCE_RUN : workflowId;
}

export const isEncrypted = (payload: Payload): boolean => textOf(payload, 'encoding') === ENCODING;

/** The run whose key an encrypted payload names. */
export const runOf = (payload: Payload): string | undefined => textOf(payload, RUN);

function textOf({ metadata }: Payload, name: string): string | undefined {
  const bytes = metadata?.[name];
  return bytes == null ? undefined : fromUtf8.decode(bytes);
}

const aad = (namespace: string, runId: string, kind: number): string => `${PREFIX}\0${namespace}\0${runId}\0${kind}`;

const derive = (runKey: Uint8Array, purpose: string): Uint8Array =>
  createHmac('sha256', runKey).update(`${PREFIX}/${purpose}`).update(Uint8Array.of(1)).digest();

async function compressed(bytes: Uint8Array): Promise<readonly [number, Uint8Array]> {
  if (bytes.length < MIN_COMPRESSED_BYTES) return [PLAIN, bytes];
  const smaller =
    bytes.length > MAX_SYNC_BYTES ? await deflateLater(bytes, COMPRESSION) : deflateRawSync(bytes, COMPRESSION);
  return smaller.length < bytes.length ? [DEFLATED, smaller] : [PLAIN, bytes];
}

async function inflated(bytes: Uint8Array): Promise<Uint8Array> {
  const options = { maxOutputLength: MAX_PAYLOAD_BYTES };
  return bytes.length > MAX_SYNC_BYTES ? await inflateLater(bytes, options) : inflateRawSync(bytes, options);
}

/**
 * A failure of a run whose key is destroyed or not to be had, or of one that the SDK does not name: why a workflow task failed. An error
 * here would end the worker; so it goes without words, and with the places in code.
 */
function withoutContent({ data }: Payload): Payload {
  const told = { message: 'Not told here: it may repeat content. The frames say where.', stack_trace: framesIn(data) };
  return { metadata: { encoding: utf8.encode('json/plain') }, data: utf8.encode(JSON.stringify(told)) };
}

function framesIn(data: Uint8Array | null | undefined): string {
  try {
    return framesOf((JSON.parse(fromUtf8.decode(data ?? new Uint8Array())) as { stack_trace?: string }).stack_trace);
  } catch {
    return '';
  }
}

const unreadable = (what: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(
    `Not readable: ${what}. Its run cannot go on from here; restore the payload from a backup, or start the run again.`,
    Failure.PayloadUnreadable,
  );
