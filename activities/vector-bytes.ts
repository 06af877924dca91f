// Vectors as bytes: little-endian float32, whatever the machine.
import { endianness } from 'node:os';

const LITTLE = endianness() === 'LE';

export function toBytes(vector: Float32Array): Buffer {
  const bytes = Buffer.from(vector.buffer.slice(vector.byteOffset, vector.byteOffset + vector.byteLength));
  return LITTLE ? bytes : bytes.swap32();
}

/** @throws RangeError when the bytes are no whole number of floats */
export function fromBytes(bytes: Uint8Array): Float32Array {
  if (bytes.byteLength % 4 !== 0) throw new RangeError(`${bytes.byteLength} bytes are no vector`);
  const copy = Buffer.from(bytes);
  if (!LITTLE) copy.swap32();
  return new Float32Array(new Uint8Array(copy).buffer);
}
