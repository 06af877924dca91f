// `countersign backup` and `countersign restore`: the data of the local stack, into a folder and back. See docs/operations.md.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { settings } from '../context.ts';
import { note, paint, print, printJson, progressLine } from '../output.ts';

interface CommonOptions {
  readonly home?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('backup')
    .description('copy the data of the local stack into a folder, while it runs or while it is stopped')
    .argument('<folder>', 'folder to make; it must not exist, or be empty')
    .option('--with-keys', 'include the keys: whoever has the folder can then read all of it', false)
    .option('--home <dir>', 'data folder of the stack (default: COUNTERSIGN_HOME, else .countersign)')
    .option('--json', 'print what was copied as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign backup /backups/monday')
    .action(backup);
  program
    .command('restore')
    .description('put a backup in place, in a home whose stack does not run')
    .argument('<folder>', 'folder that `countersign backup` wrote')
    .option('--replace', 'restore over data that are there; they are moved aside, not deleted', false)
    .option('--home <dir>', 'data folder to restore to (default: COUNTERSIGN_HOME, else .countersign)')
    .option('--json', 'print what was restored as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign restore /backups/monday --home .countersign-again')
    .action(restore);
}

async function backup(folder: string, options: CommonOptions & { readonly withKeys: boolean }): Promise<void> {
  const { environment, home } = settings(options.home);
  const { requireEmbedded } = await import('../backup/embedded.ts');
  const { createBackup } = await import('../backup/create.ts');
  const { keepsOwnKeys, keyPlace } = await import('../backup/key-files.ts');
  requireEmbedded(environment);
  const target = resolve(folder);
  const { manifest, stack } = await withProgress('backup', (signal, onProgress) =>
    createBackup({ folder: target, home, withKeys: options.withKeys, signal, onProgress }),
  );
  const complete = options.withKeys && keepsOwnKeys(environment);
  const place = keyPlace(environment, home);
  if (!complete) {
    note(`${paint('yellow', 'note:', process.stderr)} without the keys in ${place}, this backup cannot be read`);
    note('keep a copy of them, apart from the backup: whoever has both can read all of it');
  }
  const rows = rowsOf(manifest);
  if (options.json) {
    const keys = { included: manifest.keys.included, ...(!complete && { place }) };
    return printJson({
      folder: target,
      stack,
      createdAt: manifest.createdAt,
      tables: manifest.tables.length,
      rows,
      keys,
    });
  }
  print(`backed up ${home} to ${paint('bold', target)}`);
  print(`  Temporal  ${mebibytes(manifest.temporal.bytes)}`);
  print(`  ledger    ${rows} rows of ${manifest.tables.length} tables, ${mebibytes(ledgerBytes(manifest))} compressed`);
  print(`  keys      ${options.withKeys ? `included, ${manifest.keys.files.length} files` : 'not included'}`);
}

async function restore(folder: string, options: CommonOptions & { readonly replace: boolean }): Promise<void> {
  const { environment, env, home } = settings(options.home);
  const { requireEmbedded } = await import('../backup/embedded.ts');
  const { restoreBackup } = await import('../backup/restore.ts');
  requireEmbedded(environment);
  const source = resolve(folder);
  const { manifest, applied, erasedAgain, replaced } = await withProgress('restore', (signal, onProgress) =>
    restoreBackup({ folder: source, home, env, replace: options.replace, signal, onProgress }),
  );
  const { createdAt, tables, keys } = manifest;
  const rows = rowsOf(manifest);
  if (options.json) {
    const result = { home, createdAt, tables: tables.length, rows, keys: keys.included, applied, erasedAgain };
    return printJson({ ...result, ...(replaced !== undefined && { replaced }) });
  }
  print(`restored ${paint('bold', home)} to ${createdAt}: ${rows} rows of ${tables.length} tables`);
  if (applied.length > 0) print(`  brought forward by ${applied.join(', ')}`);
  if (erasedAgain > 0) print(`  erased again, as they were since the backup: ${erasedAgain} subjects`);
  if (replaced !== undefined) print(`  what was there is in ${replaced}`);
}

async function withProgress<T>(
  label: string,
  use: (signal: AbortSignal, onProgress: (text: string, fraction?: number) => void) => Promise<T>,
): Promise<T> {
  const { interruptible } = await import('../backup/interruptible.ts');
  const line = progressLine(label);
  try {
    return await interruptible((signal) => use(signal, (text, fraction) => line.update(text, fraction)));
  } finally {
    line.done();
  }
}

interface Counted {
  readonly tables: readonly { readonly rows: number; readonly bytes: number }[];
}

const rowsOf = ({ tables }: Counted): number => tables.reduce((sum, { rows }) => sum + rows, 0);
const ledgerBytes = ({ tables }: Counted): number => tables.reduce((sum, { bytes }) => sum + bytes, 0);
const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
