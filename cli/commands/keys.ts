// `countersign keys`: who may approve. Makes keys, signs registry entries and lists them; needs no server. Prints no private key.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import type { NewKey, PublicKey } from '../../policies/approver-keys.ts';
import type { Approver } from '../../policies/approvers.ts';
import { UserError } from '../../runtime/errors.ts';
import { requireAdminKey, writePublicly } from '../admin-key.ts';
import { alignTable, note, paint, print, printJson } from '../output.ts';
import type { ApproverFiles } from '../stack/approver-keys.ts';
import { registerRevocation } from './key-revocation.ts';
import { registerRotation } from './key-rotation.ts';

interface CommonOptions {
  readonly home?: string;
  readonly json?: boolean;
}

interface NewOptions extends CommonOptions {
  readonly groups: string;
  readonly days: string;
  readonly adminKey?: string;
  readonly out?: string;
}

const MAX_DAYS = 3650;

export function register(program: Command): void {
  const keys = program.command('keys').description('keys of approvers, and the keys that payloads are encrypted under');
  keys
    .command('admin')
    .description('make the key that signs the approver registry: once for a deployment; a local stack has its own')
    .option(
      '--out <file>',
      'where the private key goes (default: approvers-admin-private.json among the keys of the home)',
    )
    .option('--home <dir>', 'data folder (default: COUNTERSIGN_HOME, else .countersign)')
    .option('--json', 'print where the two halves are as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign keys admin --out /secure/approvers-admin.json')
    .action(admin);
  keys
    .command('new')
    .description('make a key pair for an approver and add them to the registry')
    .argument('<id>', 'id of the approver: letters, digits and . _ @ -')
    .requiredOption('--groups <names>', 'groups they decide for, with commas between')
    .option('--days <n>', `how long the entry holds, at most ${MAX_DAYS}`, '365')
    .option('--admin-key <file>', 'private key that signs the entry (default: the one of the home)')
    .option('--out <file>', 'where their private key goes (default: approvers/ID.json among the keys of the home)')
    .option('--home <dir>', 'data folder (default: COUNTERSIGN_HOME, else .countersign)')
    .option('--json', 'print the entry and where the key is as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign keys new ada@example.com --groups refund-approvers --days 90',
    )
    .action(create);
  keys
    .command('list')
    .description('the approvers of the registry, and whether each entry is signed')
    .option('--home <dir>', 'data folder (default: COUNTERSIGN_HOME, else .countersign)')
    .option('--json', 'print them as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 every entry is signed, 1 the registry does not verify, 2 there is no admin key to verify it with.',
    )
    .addHelpText('after', '\nExample:\n  $ npx countersign keys list')
    .action(list);
  registerRevocation(keys);
  registerRotation(keys);
}

async function admin(options: CommonOptions & { readonly out?: string }): Promise<void> {
  const { newKey } = await import('../../policies/approver-keys.ts');
  const { newKid } = await import('../stack/approver-keys.ts');
  const places = await placesOf(options.home);
  const privateFile = options.out === undefined ? places.adminPrivate : resolve(options.out);
  for (const file of [privateFile, places.adminPublic]) refuseToOverwrite(file);
  const kid = newKid('approvers-admin');
  const key = newKey(kid);
  writePrivate(privateFile, key);
  await orRemove(
    privateFile,
    async () => await writePublicly(places.adminPublic, `${JSON.stringify(key.publicJwk)}\n`),
  );
  if (options.json) return printJson({ kid, privateKeyFile: privateFile, publicKeyFile: places.adminPublic });
  print(`made the admin key ${paint('bold', kid)}`);
  print(`  private half: ${privateFile} (keep it away from workers)`);
  print(`  public half:  ${places.adminPublic} (workers read it: COUNTERSIGN_APPROVERS_KEY_FILE)`);
}

async function create(id: string, options: NewOptions): Promise<void> {
  const { newKey } = await import('../../policies/approver-keys.ts');
  const { loadApprovers, registryText, signApprover } = await import('../../policies/approvers.ts');
  const { entryOf, newKid } = await import('../stack/approver-keys.ts');
  const groups = await checkNames(id, options.groups);
  const days = daysOf(options.days);
  const places = await placesOf(options.home);
  const adminKey = await requireAdminKey(options.adminKey, places);

  const before = loadApprovers(places.registry, adminKey.public.key);
  if (before.some((approver) => approver.id === id)) {
    throw new UserError(`There is an approver ${id} in ${places.registry} already`, {
      hint: `Choose another id, or revoke theirs first: \`npx countersign keys revoke ${id}\`. Their key stops counting then.`,
    });
  }
  const keyFile = options.out === undefined ? places.keyOf(id) : resolve(options.out);
  refuseToOverwrite(keyFile);
  const kid = newKid(id);
  const key = newKey(kid, { approver: id });
  const x = key.publicJwk['x'] ?? '';
  const entry = signApprover(adminKey.key, entryOf({ id, groups, key: { kid, x }, now: new Date(), days }));
  writePrivate(keyFile, key);
  await orRemove(keyFile, async () => await writePublicly(places.registry, registryText([...before, entry])));

  const { validUntil } = entry;
  if (options.json) return printJson({ id, groups, kid, validUntil, keyFile, registry: places.registry });
  print(`${paint('bold', id)} may approve for ${groups.join(', ')} until ${validUntil.slice(0, 10)}`);
  print(`  private key: ${keyFile} (hand it to them; it is theirs alone)`);
  print(`  registry:    ${places.registry}`);
}

async function list(options: CommonOptions): Promise<void> {
  const { readPublicKey } = await import('../../policies/approver-keys.ts');
  const { isSigned, readApprovers } = await import('../../policies/approvers.ts');
  const places = await placesOf(options.home);
  const found = readApprovers(places.registry);
  if (found !== undefined && !existsSync(places.adminPublic)) {
    throw new UserError(`No admin key in ${places.adminPublic}: ${places.registry} cannot be verified`, {
      hint: 'Name the public half of the admin key in COUNTERSIGN_APPROVERS_KEY_FILE.',
      exitCode: 2,
    });
  }
  const adminKey: PublicKey | undefined = found === undefined ? undefined : readPublicKey(places.adminPublic);
  const approvers = (found ?? []).map((approver) => ({
    id: approver.id,
    groups: approver.groups,
    kids: approver.keys.map(({ kid }) => kid),
    validFrom: approver.validFrom,
    validUntil: approver.validUntil,
    state: stateOf(approver, Date.now()),
    signed: adminKey !== undefined && isSigned(adminKey.key, approver),
  }));
  const ok = approvers.every(({ signed }) => signed);
  if (!ok) process.exitCode = 1;
  if (options.json) return printJson({ ok, registry: places.registry, approvers });
  if (approvers.length === 0) {
    return note(`no approvers in ${places.registry}: \`npx countersign keys new ID --groups …\` adds one`);
  }
  const rows = approvers.map((each) => [
    each.id,
    each.groups.join(', '),
    each.kids.join(', '),
    each.state === 'valid' ? each.validUntil.slice(0, 10) : `${each.validUntil.slice(0, 10)} (${each.state})`,
    each.signed ? paint('green', 'ok') : paint('red', 'NOT SIGNED by the admin key'),
  ]);
  print(alignTable([['ID', 'GROUPS', 'KEY', 'VALID UNTIL', 'SIGNATURE'], ...rows]));
  if (!ok) note('The registry does not verify, and workers refuse all of it until it does.');
}

function stateOf({ validFrom, validUntil }: Approver, nowMs: number): 'valid' | 'expired' | 'not valid yet' {
  if (nowMs >= Date.parse(validUntil)) return 'expired';
  return nowMs < Date.parse(validFrom) ? 'not valid yet' : 'valid';
}

async function placesOf(home: string | undefined): Promise<ApproverFiles> {
  const { approverPlaces } = await import('../approver-places.ts');
  return approverPlaces(home);
}

async function checkNames(id: string, groupsText: string): Promise<readonly string[]> {
  const { isName } = await import('../../policies/names.ts');
  const hint = 'Use letters, digits and . _ @ -, with a letter or digit first, at most 128 characters.';
  if (!isName(id)) throw new UserError(`Not an id of an approver: ${JSON.stringify(id)}`, { hint, exitCode: 64 });
  const groups = [...new Set(groupsText.split(',').map((group) => group.trim()))];
  const bad = groups.find((group) => !isName(group));
  if (bad === undefined) return groups;
  throw new UserError(`Not a group: ${JSON.stringify(bad)}`, { hint, exitCode: 64 });
}

function daysOf(text: string): number {
  const days = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (days >= 1 && days <= MAX_DAYS) return days;
  throw new UserError(`Not a number of days: ${text}`, {
    hint: `Give a whole number from 1 to ${MAX_DAYS}.`,
    exitCode: 64,
  });
}

function refuseToOverwrite(file: string): void {
  if (!existsSync(file)) return;
  throw new UserError(`${file} exists, and keys are never overwritten`, {
    hint: 'Name another file, or move that one away.',
  });
}

function writePrivate(file: string, { privateJwk }: NewKey): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  // `wx`: whoever made the file since it was looked for keeps it.
  writeFileSync(file, `${JSON.stringify(privateJwk)}\n`, { mode: 0o600, flag: 'wx' });
}

/** A private key whose public half went nowhere is of no use to anybody. */
async function orRemove(file: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
}
