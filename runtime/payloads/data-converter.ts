// The one data converter of worker, client and codec server: failures encoded, payloads encrypted, big ones kept by content.
import type { DataConverter } from '@temporalio/common';
import { siblingModule } from '../sibling-module.ts';
import type { BlobStore } from './blob-store.ts';
import { createClaimCheck } from './claim-check.ts';
import type { OnUnreadable, PayloadKeySource } from './payload-codec.ts';
import { createPayloadCodec } from './payload-codec.ts';

export const FAILURE_CONVERTER = siblingModule('../../workflows/failure-converter', import.meta.url);

export interface PayloadAccess {
  readonly keys: PayloadKeySource;
  readonly namespace: string;
  /** The first one is written to. */
  readonly blobs: readonly BlobStore[];
  readonly onUnreadable?: OnUnreadable;
}

export interface EncryptingConverter extends DataConverter {
  /** Drops what is held in clear in memory: something was erased. */
  forget(): void;
}

export function createDataConverter({ blobs, ...access }: PayloadAccess): EncryptingConverter {
  const codec = createPayloadCodec(access);
  return {
    failureConverterPath: FAILURE_CONVERTER,
    payloadCodecs: [codec],
    externalStorage: createClaimCheck(blobs, access.onUnreadable),
    forget: codec.forget,
  };
}

/** Reads histories in clear: exported ones, and what `decodeHistory` made of others. Writes in clear, so it is for replaying only. */
export const plainConverter: DataConverter = { failureConverterPath: FAILURE_CONVERTER };
