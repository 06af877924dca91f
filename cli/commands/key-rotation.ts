// `countersign keys status|rotate`: the keys that payloads are encrypted under, by whom they are wrapped, and their renewal.
import type { Command } from 'commander';
import type { Config } from '../../runtime/config.ts';
import { loadConfig } from '../../runtime/config.ts';
import type { Database } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Keys } from '../../runtime/keys/index.ts';
import { settings } from '../context.ts';
import { alignTable, note, paint, print, printJson } from '../output.ts';

interface CommonOptions {
  readonly home?: string;
  readonly json?: boolean;
}

interface RotateOptions extends CommonOptions {
  readonly new?: boolean;
  readonly tenant?: string;
}

/** Adds to the group of `countersign keys`. */
export function registerRotation(keys: Command): void {
  keys
    .command('status')
    .description('who holds the key-encryption keys, which of them are in use, and for how much')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExit codes: 0 this process can open every key that is in use, 1 it cannot.')
    .addHelpText('after', '\nExample:\n  $ npx countersign keys status')
    .action(status);
  keys
    .command('rotate')
    .description('wrap the keys of tenants by the current key-encryption key; histories are not touched')
    .option('--new', 'first add a new key to the key file: it becomes the current one')
    .option('--tenant <name>', 'give this tenant a new wrapping key instead, and wrap what hangs on it anew')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print what was done as JSON')
    .addHelpText('after', '\nAfterwards `keys status` says which keys are not in use any more and may go.')
    .addHelpText('after', '\nExample:\n  $ npx countersign keys rotate --new')
    .action(rotate);
}

async function withKeys<T>(
  home: string | undefined,
  use: (opened: { readonly db: Database; readonly keys: Keys; readonly config: Config }) => Promise<T>,
  before: (config: Config) => Promise<void> = async () => {},
): Promise<T> {
  const { openDatabase } = await import('../../runtime/database.ts');
  const { createKeys } = await import('../../runtime/keys/index.ts');
  const config = loadConfig({ role: 'owner', env: settings(home).env });
  await before(config);
  const db = openDatabase({ ...config, maxConnections: 2 });
  try {
    return await use({ db, keys: createKeys(db, config), config });
  } finally {
    await db.end();
  }
}

async function status(options: CommonOptions): Promise<void> {
  const { keysInUse } = await import('../../runtime/keys/rotate.ts');
  const { requireOurKeys } = await import('../../runtime/keys/index.ts');
  await withKeys(options.home, async ({ db, keys }) => {
    const { provider } = keys;
    const current = await provider.currentKeyId();
    const inUse = await keysInUse(db.all);
    const fault = await requireOurKeys(db, keys).then(
      () => undefined,
      (error: unknown) => (error instanceof UserError ? error.message : Promise.reject(error)),
    );
    process.exitCode = fault === undefined ? 0 : 1;
    if (options.json)
      return printJson({ provider: provider.name, current, inUse, ...(fault !== undefined && { fault }) });
    print(`provider  ${provider.name}`);
    print(`current   ${paint('bold', current)}`);
    if (inUse.length === 0) note('no key is in use yet: the first start of a run makes its tenant’s');
    else {
      const rows = inUse.map((use) => [use.providerKey, String(use.tenants), String(use.keys)]);
      print(`\n${alignTable([['IN USE', 'TENANTS', 'KEYS'], ...rows])}`);
    }
    if (fault !== undefined) note(`${paint('red', 'not openable:', process.stderr)} ${fault}`);
  });
}

async function rotate(options: RotateOptions): Promise<void> {
  const { rewrapTenantKeys, rotateTenantKey } = await import('../../runtime/keys/rotate.ts');
  const { tenant } = options;
  if (options.new && tenant !== undefined) {
    throw new UserError('--new and --tenant rotate different keys', { hint: 'Use one of them.', exitCode: 64 });
  }
  await withKeys(
    options.home,
    async ({ db, keys }) => {
      if (tenant !== undefined) {
        const rotated = await rotateTenantKey(db.all, keys, tenant);
        if (options.json) return printJson({ tenant, ...rotated });
        print(
          `${tenant} has wrapping key ${rotated.version}: ${rotated.subjectKeys} subjects and ${rotated.runKeys} runs hang on it`,
        );
        return;
      }
      const rewrapped = await rewrapTenantKeys(db.all, keys.provider);
      const current = await keys.provider.currentKeyId();
      if (options.json) return printJson({ current, rewrapped });
      print(
        rewrapped === 0
          ? `all keys are wrapped by ${current} already`
          : `${rewrapped} keys are wrapped by ${paint('bold', current)} now`,
      );
      if (options.new)
        note(
          'processes read the file again when they meet the new key; take the old one out when `keys status` does not list it',
        );
    },
    async (config) => {
      if (!options.new) return;
      if (config.keyProvider !== undefined) {
        const hint =
          config.keyProvider.kind === 'vault'
            ? 'Rotate the transit key in Vault; then run this without --new.'
            : 'Put a new key in front of COUNTERSIGN_KEK; then run this without --new.';
        throw new UserError('--new adds to a key file, and the keys come from elsewhere', { hint, exitCode: 64 });
      }
      const { addKek } = await import('../../runtime/keys/local-provider.ts');
      const id = addKek(config.keyFiles.kek);
      note(`added ${id} to ${config.keyFiles.kek}`);
    },
  );
}
