// The canonical JSON of what a tool gave back, in slices: a result may have megabytes, and is written once its effect has happened.
import type { Sliced } from '../slices.ts';
import { membersOf, requireShallow, scalarOf } from './json-value.ts';

export interface ResultJson {
  /** Canonical JSON (JCS, RFC 8785); absent where it is longer than `maxBytes`. */
  readonly json?: string;
  /** Of the whole. */
  readonly bytes: number;
}

/** Values between two places where the work may be interrupted. */
const VALUES_A_PAUSE = 512;
const PART_CHARS = 64 * 1024;

/** @throws NotJsonError as `toJsonValue` does */
export function* writeResult(value: unknown, maxBytes: number): Sliced<ResultJson> {
  const writer = new Writer(maxBytes);
  yield* write(value === undefined ? null : value, [], writer);
  return writer.end();
}

type Path = readonly (string | number)[];

function* write(value: unknown, path: Path, writer: Writer): Sliced<void> {
  requireShallow(path);
  if (typeof value !== 'object' || value === null) {
    writer.add(JSON.stringify(scalarOf(value, path)));
  } else if (Array.isArray(value)) {
    writer.add('[');
    for (let i = 0; i < value.length; i += 1) {
      if (i > 0) writer.add(',');
      yield* writeMember(value[i], path, i, writer);
    }
    writer.add(']');
  } else {
    writer.add('{');
    let first = true;
    for (const [key, member] of membersOf(value, path)) {
      writer.add(`${first ? '' : ','}${JSON.stringify(key)}:`);
      first = false;
      yield* writeMember(member, path, key, writer);
    }
    writer.add('}');
  }
}

function* writeMember(value: unknown, path: Path, name: string | number, writer: Writer): Sliced<void> {
  if (writer.isTimeToPause()) yield;
  yield* write(value, [...path, name], writer);
}

/** Keeps bytes rather than a string of a million parts, and past the limit only counts. */
class Writer {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #text = '';
  #bytes = 0;
  #values = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  isTimeToPause(): boolean {
    this.#values += 1;
    return this.#values % VALUES_A_PAUSE === 0;
  }

  add(text: string): void {
    this.#text += text;
    if (this.#text.length >= PART_CHARS) this.#flush();
  }

  end(): ResultJson {
    this.#flush();
    const bytes = this.#bytes;
    return bytes > this.#maxBytes ? { bytes } : { json: Buffer.concat(this.#parts, bytes).toString('utf8'), bytes };
  }

  #flush(): void {
    const part = Buffer.from(this.#text);
    this.#text = '';
    this.#bytes += part.byteLength;
    if (this.#bytes > this.#maxBytes) this.#parts = [];
    else this.#parts.push(part);
  }
}
