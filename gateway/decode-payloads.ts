// Decodes the payloads of one request for one reader. What cannot be decoded comes back as words that say why, beside the others.
import type { Payload } from '@temporalio/common';
import { z } from 'zod';
import type { Reader } from '../runtime/codec-token.ts';
import type { LoggableError } from '../runtime/loggable-error.ts';
import { loggableError } from '../runtime/loggable-error.ts';
import type { Logger } from '../runtime/logger.ts';
import { fetchPayload, runNamedBy } from '../runtime/payloads/decode-history.ts';
import { isEncrypted, runOf } from '../runtime/payloads/payload-codec.ts';
import { DEFAULT_TENANT, Failure, parseRunId } from '../workflows/protocol/index.ts';
import type { CodecBackend } from './codec-backend.ts';

const MAX_PAYLOADS = 1000;
/** Of what is decoded for one request. */
const MAX_DECODED_BYTES = 64 * 1024 * 1024;
/** Temporal takes no longer workflow ids. */
const MAX_RUN_ID_CHARS = 1000;

/** Payloads as protobuf's JSON has them: bytes are base64. Fields that we do not know come back as they were. */
const payloadSchema = z.looseObject({
  metadata: z.record(z.string(), z.string()).nullish(),
  data: z.string().nullish(),
});
export const payloadsSchema = z.object({ payloads: z.array(payloadSchema).max(MAX_PAYLOADS) });

export type JsonPayload = z.infer<typeof payloadSchema>;

export interface DecodedPayloads {
  /** In the order asked for. */
  readonly payloads: readonly JsonPayload[];
  /** Runs of which something was decoded. */
  readonly read: ReadonlySet<string>;
  /** Runs of other tenants: nothing of them was. */
  readonly foreign: ReadonlySet<string>;
}

export interface DecodeContext {
  readonly backend: CodecBackend;
  readonly reader: Reader;
  /** As the request names it. @default the server's own */
  readonly namespace: string | undefined;
  readonly log: Pick<Logger, 'error'>;
}

/** Does not throw for a payload. One after the other, so that a request holds one big payload in memory beside what it hands out. */
export async function decodePayloads(
  payloads: readonly JsonPayload[],
  { backend, reader, namespace, log }: DecodeContext,
): Promise<DecodedPayloads> {
  const { config, converter, runKeys } = backend;
  const read = new Set<string>();
  const foreign = new Set<string>();
  const forgotten = new Set<string>();
  let bytesLeft = MAX_DECODED_BYTES;

  async function decode(payload: Payload): Promise<Payload> {
    const run = runNamedBy(payload);
    if (run === undefined || run.length > MAX_RUN_ID_CHARS) throw new Unreadable('it names no run');
    if (tenantOf(run) !== reader.tenant) {
      foreign.add(run);
      throw new Unreadable(`its run is another tenant's, and your token is for ${reader.tenant}`, OTHER_TENANT);
    }
    if (namespace !== undefined && namespace !== config.temporal.namespace) {
      throw new Unreadable(`this server reads the namespace ${config.temporal.namespace} only`);
    }
    // What is erased must not be read on because somebody has looked at it before.
    if (!forgotten.has(run)) runKeys.forget([run]);
    forgotten.add(run);
    let found = await fetchPayload(payload, converter);
    // A reference says whose it is; what it leads to is decrypted under the key of what that says.
    if (!isEncrypted(found) || runOf(found) !== run) throw new Unreadable('its reference leads to another run');
    for (const codec of converter.payloadCodecs.toReversed()) [found = payload] = await codec.decode([found]);
    const bytes = found.data?.byteLength ?? 0;
    if (bytes > bytesLeft) throw new Unreadable(`with its ${bytes} bytes the answer would be too big`, TOO_BIG);
    bytesLeft -= bytes;
    read.add(run);
    return found;
  }

  const decoded: JsonPayload[] = [];
  for (const json of payloads) {
    try {
      const payload = fromJson(json);
      const ours = isEncrypted(payload) || runNamedBy(payload) !== undefined;
      decoded.push(ours ? toJson(await decode(payload)) : json);
    } catch (error) {
      decoded.push(words(error, log));
    }
  }
  return { payloads: decoded, read, foreign };
}

const OTHER_TENANT = 'countersign.codec.OtherTenant';
const TOO_BIG = 'countersign.codec.TooBig';

class Unreadable extends Error {
  readonly type: string;

  constructor(why: string, type: string = Failure.PayloadUnreadable) {
    super(`This payload is not shown: ${why}.`);
    this.type = type;
  }
}

/** Runs that were started around the ledger have keys of this tenant, too. */
const tenantOf = (run: string): string => parseRunId(run)?.tenant ?? DEFAULT_TENANT;

/** A payload that people read in the place of the one that was asked for. */
function words(error: unknown, log: Pick<Logger, 'error'>): JsonPayload {
  const { type, message } = error instanceof Unreadable ? error : (loggableError(error) as LoggableError);
  if (message === undefined) log.error({ err: error }, 'a payload could not be decoded');
  const text = `[${type ?? Failure.PayloadUnreadable}] ${message ?? 'This payload could not be read. The log of the codec server says why.'}`;
  return toJson({
    metadata: { encoding: Buffer.from('json/plain') },
    data: Buffer.from(JSON.stringify(text)),
  });
}

function fromJson({ metadata, data }: JsonPayload): Payload {
  const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64');
  return {
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, text]) => [name, bytes(text)])),
    data: bytes(data ?? ''),
  };
}

function toJson({ metadata, data }: Payload): JsonPayload {
  const base64 = (bytes: Uint8Array): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  return {
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, bytes]) => [name, base64(bytes)])),
    data: base64(data ?? new Uint8Array()),
  };
}
