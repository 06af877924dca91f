// `countersign migrate`: brings a database of your own forward. The local stack does it by itself.
import type { Command } from 'commander';
import { loadConfig } from '../../runtime/config.ts';
import { settings } from '../context.ts';
import { print, printJson } from '../output.ts';

export function register(program: Command): void {
  program
    .command('migrate')
    .description('apply missing migrations to the database of DATABASE_URL, as its owner; never backwards')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print what was applied as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ DATABASE_URL=postgres://owner@db.example.com/countersign npx countersign migrate',
    )
    .action(async (options: { readonly home?: string; readonly json?: boolean }) => {
      const { connectDatabase } = await import('../../runtime/database.ts');
      const { migrate } = await import('../../runtime/migrate.ts');
      const sql = connectDatabase(loadConfig({ role: 'owner', env: settings(options.home).env }));
      try {
        const applied = await migrate(sql);
        if (options.json) printJson({ applied });
        else print(applied.length === 0 ? 'nothing to apply' : `applied ${applied.join(', ')}`);
      } finally {
        await sql.end();
      }
    });
}
