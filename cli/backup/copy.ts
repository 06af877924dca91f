// COPY between PostgreSQL and compressed files: rows stream, whatever their number. Knows where postgres.js would wait for ever.
import { createReadStream } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { Transform } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type postgres from 'postgres';
import { UserError } from '../../runtime/errors.ts';
import { writeNew } from './files.ts';
import type { FileDigest } from './manifest.ts';
import type { AnySql } from './tables.ts';

/** One message a row arrives; fewer and bigger chunks cost the compressor far less. */
const BATCH_BYTES = 64 * 1024;
const NEWLINE = 10;

/**
 * Writes what a `copy … to stdout` gives as a compressed file.
 *
 * @param statement of a transaction: the caller's next statement waits for this one
 */
export async function copyOut(
  statement: postgres.PendingQuery<postgres.Row[]>,
  path: string,
  signal: AbortSignal,
): Promise<FileDigest & { readonly rows: number }> {
  const source: Readable = await statement.readable();
  const { batches, rows } = countRows();
  source.once('error', (error) => batches.destroy(error));
  source.once('end', () => {
    try {
      // A stream that ended while it held the socket back never reads again: the end of the statement would not be heard.
      source._read(0);
    } catch {
      // The connection is gone; the next statement says so.
    }
  });
  try {
    const digest = await writeNew(path, [source.pipe(batches), createGzip()], signal);
    return { ...digest, rows: rows() };
  } catch (error) {
    // Destroyed, it would hold the socket back for good. What is left of the rows is read and dropped.
    source.unpipe(batches);
    source.resume();
    throw error;
  }
}

/**
 * Loads a file of {@link copyOut}.
 *
 * @throws UserError when PostgreSQL refuses the rows at their end; its own error when it refuses one before
 */
export async function copyIn(
  tx: AnySql,
  { table, columns, path }: { readonly table: string; readonly columns: readonly string[]; readonly path: string },
  signal: AbortSignal,
): Promise<void> {
  const target: Writable = await tx`copy ${tx(table)} (${tx(columns)}) from stdin`.writable();
  target.on('error', () => {});
  try {
    await pipeline(
      createReadStream(path),
      createGunzip(),
      async (rows: AsyncIterable<Buffer>) => {
        for await (const chunk of rows) await write(target, chunk);
      },
      { signal },
    );
  } catch (error) {
    const refused = target.errored;
    target.destroy(error instanceof Error ? error : new Error(String(error)));
    throw refused ?? error;
  }
  if (target.errored) throw target.errored;
  const ended = finished(target);
  ended.catch(() => {});
  target.end();
  // By then the end of the rows is on its way, and a statement may follow it. If PostgreSQL refuses the rows at their end, as it
  // does with foreign keys, the stream would never hear of it; the statement does.
  await nextTurn();
  const after = tx`select 1`.then(
    () => undefined,
    (cause: unknown) => {
      if (target.errored) throw target.errored;
      throw new UserError(`PostgreSQL refused the rows of ${table}`, {
        hint: 'Its log has the reason: run again with --debug, or look for disk space and for rows that do not belong together.',
        cause,
      });
    },
  );
  await Promise.all([ended, after]);
}

async function write(target: Writable, chunk: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    target.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

/** In COPY's text format each row ends with a newline, and none holds one. */
function countRows(): { batches: Transform; rows(): number } {
  let rows = 0;
  let held: Buffer[] = [];
  let heldBytes = 0;
  const take = (): Buffer => {
    const batch = Buffer.concat(held, heldBytes);
    held = [];
    heldBytes = 0;
    return batch;
  };
  const batches = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) rows += 1;
      held.push(chunk);
      heldBytes += chunk.length;
      done(null, heldBytes < BATCH_BYTES ? undefined : take());
    },
    flush(done) {
      done(null, heldBytes > 0 ? take() : undefined);
    },
  });
  return { batches, rows: () => rows };
}
