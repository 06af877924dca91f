// A history as the server has it, made readable: payloads fetched and decrypted, failures with their messages. The replayer takes it
// as it takes the other.
import type { DataConverter, Payload } from '@temporalio/common';
import type { LoadedDataConverter } from '@temporalio/common/lib/converter/data-converter.js';
import { StorageDriverClaim } from '@temporalio/common/lib/converter/extstore.js';
import {
  decodeReferencePayload,
  isReferencePayload,
} from '@temporalio/common/lib/internal-non-workflow/extstore-helpers.js';
import { loadDataConverter } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import { runOf } from './payload-codec.ts';

/** Changes the history in place and gives it back. @throws ApplicationFailure Erased, PayloadUnreadable, BlobMissing, KeyUnavailable */
export async function decodeHistory(history: History, dataConverter: DataConverter): Promise<History> {
  const converter = loadDataConverter(dataConverter);
  for (const event of history.events ?? []) await decodeWithin(event as Fields, converter);
  return history;
}

/** One payload as its writer made it. @throws as {@link decodeHistory} */
export async function decodePayload(payload: Payload, converter: LoadedDataConverter): Promise<Payload> {
  let found = await fetchPayload(payload, converter);
  for (const codec of converter.payloadCodecs.toReversed()) [found = payload] = await codec.decode([found]);
  return found;
}

/** What a reference leads to; any other payload as it is. Still encrypted. @throws ApplicationFailure PayloadUnreadable, BlobMissing */
export async function fetchPayload(
  payload: Payload,
  { externalStorage }: Pick<LoadedDataConverter, 'externalStorage'>,
): Promise<Payload> {
  if (!isReferencePayload(payload)) return payload;
  const { driverName, claimData } = decodeReferencePayload(payload);
  const driver = externalStorage?.getDriver(driverName);
  if (driver == null) throw new Error(`A payload lies in ${driverName}, which this process is not set up to read`);
  const [found = payload] = await driver.retrieve({}, [new StorageDriverClaim(claimData)]);
  return found;
}

/** The run that an encrypted payload or a reference names. Not verified: decoding does that. @throws Error for a malformed reference */
export const runNamedBy = (payload: Payload): string | undefined =>
  isReferencePayload(payload) ? decodeReferencePayload(payload).claimData['run'] : runOf(payload);

type Fields = Record<string, unknown>;

async function decodeWithin(message: Fields, converter: LoadedDataConverter): Promise<void> {
  for (const [name, value] of Object.entries(message)) {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) continue;
    if (isPayload(value)) message[name] = await decodePayload(value, converter);
    else await decodeWithin(value as Fields, converter);
  }
  restoreMessage(message);
}

/** Whether something in a message of Temporal is a payload. */
export function isPayload(value: object): value is Payload {
  const { metadata } = value as Payload;
  return typeof metadata === 'object' && metadata !== null && metadata['encoding'] instanceof Uint8Array;
}

/** A failure's message and stack trace, which travel in a payload. */
function restoreMessage(failure: Fields): void {
  const { encodedAttributes } = failure;
  if (typeof encodedAttributes !== 'object' || encodedAttributes === null || !isPayload(encodedAttributes)) return;
  const attributes: unknown = JSON.parse(Buffer.from(encodedAttributes.data ?? []).toString('utf8'));
  const { message, stack_trace: stackTrace } = attributes as { message?: string; stack_trace?: string };
  Object.assign(failure, { message: message ?? '', stackTrace: stackTrace ?? '', encodedAttributes: null });
}
