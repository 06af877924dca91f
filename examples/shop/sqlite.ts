// A SQLite file that keeps what was committed, whatever happens to the process: Node's own SQLite, nothing to install.
import { chmodSync, closeSync, openSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

/** @param file made when missing, for its owner only. @throws Error when it is no database */
export function openDatabase(file: string, schema: string): DatabaseSync {
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const { DatabaseSync } = loadSqlite();
  const db = new DatabaseSync(file, { timeout: 5000 });
  try {
    // Full: a transaction is on disk before its commit returns.
    db.exec('pragma journal_mode = delete; pragma synchronous = full; pragma foreign_keys = on');
    db.exec(schema);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('begin immediate');
  try {
    const result = work();
    db.exec('commit');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('rollback');
    throw error;
  }
}

/** Node before 24 warns that its SQLite is experimental. That one warning is dropped, and no other. */
function loadSqlite(): typeof import('node:sqlite') {
  const { emitWarning } = process;
  process.emitWarning = ((warning: string | Error, ...rest: never[]) => {
    if (!String(warning).startsWith('SQLite is an experimental feature')) emitWarning.call(process, warning, ...rest);
  }) as typeof process.emitWarning;
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}
