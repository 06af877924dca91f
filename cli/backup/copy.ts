// COPY between PostgreSQL and compressed files: rows stream, whatever their number.
import { createReadStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Transaction } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Fragment } from '../../runtime/sql.ts';
import { statementOf } from '../../runtime/sql.ts';
import { writeNew } from './files.ts';
import type { FileDigest } from './manifest.ts';

/** One message a row arrives; fewer and bigger chunks cost the compressor far less. */
const BATCH_BYTES = 64 * 1024;
const NEWLINE = 10;
/** PostgreSQL's own errors, unlike those of files and sockets. */
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** Writes what a `copy … to stdout` gives as a compressed file. */
export async function copyOut(
  tx: Transaction,
  statement: Fragment,
  path: string,
  signal: AbortSignal,
): Promise<FileDigest & { readonly rows: number }> {
  const source = connectionOf(tx).query(copyTo(textOf(statement)));
  const { batches, rows } = countRows();
  source.once('error', (error) => batches.destroy(error));
  try {
    const digest = await writeNew(path, [source.pipe(batches), createGzip()], signal);
    return { ...digest, rows: rows() };
  } catch (error) {
    // The statement goes on: what is left of its rows is read and dropped.
    source.unpipe(batches);
    source.resume();
    throw error;
  }
}

/**
 * Loads a file of {@link copyOut}.
 *
 * @throws UserError when PostgreSQL refuses the rows
 */
export async function copyIn(
  tx: Transaction,
  { table, columns, path }: { readonly table: string; readonly columns: readonly string[]; readonly path: string },
  signal: AbortSignal,
): Promise<void> {
  const target = connectionOf(tx).query(copyFrom(textOf(tx.fragment`copy ${tx(table)} (${tx(columns)}) from stdin`)));
  try {
    await pipeline(createReadStream(path), createGunzip(), target, { signal });
  } catch (cause) {
    const { code } = cause as { readonly code?: unknown };
    if (typeof code !== 'string' || !SQLSTATE.test(code)) throw cause;
    throw new UserError(`PostgreSQL refused the rows of ${table}`, {
      hint: 'Its log has the reason: run again with --debug, or look for disk space and for rows that do not belong together.',
      cause,
    });
  }
}

function connectionOf({ connection }: Transaction): NonNullable<Transaction['connection']> {
  if (connection === undefined) throw new TypeError('COPY needs a transaction');
  return connection;
}

function textOf({ template, values }: Fragment): string {
  const statement = statementOf(template, values);
  if (statement.values.length > 0) throw new TypeError('COPY takes no values');
  return statement.text;
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
