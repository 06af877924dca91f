// Files of a backup: written for their owner only, flushed to the disk, and hashed on the way. Everything streams.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import type { Readable, Transform } from 'node:stream';
import { Transform as TransformStream } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FileDigest } from './manifest.ts';

/** Writes a new file from a source and what it passes through. @throws Error when there is one, or a stream fails */
export async function writeNew(
  path: string,
  streams: readonly [Readable, ...Transform[]],
  signal: AbortSignal,
): Promise<FileDigest> {
  const { meter, digest } = hashing();
  const file = createWriteStream(path, { mode: 0o600, flags: 'wx', flush: true });
  await pipeline([...streams, meter, file], { signal });
  return digest();
}

export const copyNew = async (from: string, to: string, signal: AbortSignal): Promise<FileDigest> =>
  await writeNew(to, [createReadStream(from)], signal);

export async function digestOfFile(
  path: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void = () => {},
): Promise<FileDigest> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { signal, highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    onBytes((chunk as Buffer).length);
  }
  return { bytes, sha256: `sha256:${hash.digest('hex')}` };
}

function hashing(): { meter: Transform; digest(): FileDigest } {
  const hash = createHash('sha256');
  let bytes = 0;
  const meter = new TransformStream({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { meter, digest: () => ({ bytes, sha256: `sha256:${hash.digest('hex')}` }) };
}
