// The one data converter of worker, client, replayer and tests. History is readable only by whoever has the same one.
import type { DataConverter, PayloadCodec } from '@temporalio/common';

export interface DataConverterOptions {
  /** Applied in order when encoding, in reverse when decoding. @default none: payloads are plain JSON */
  readonly codecs?: readonly PayloadCodec[];
  /** Where payloads above a threshold go; sees what the codecs wrote. @default they stay in history */
  readonly externalStorage?: NonNullable<DataConverter['externalStorage']>;
}

export function createDataConverter(options: DataConverterOptions = {}): DataConverter {
  return {
    payloadCodecs: [...(options.codecs ?? [])],
    ...(options.externalStorage !== undefined && { externalStorage: options.externalStorage }),
  };
}
