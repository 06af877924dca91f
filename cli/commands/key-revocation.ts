// `countersign keys revoke`: a key that decides nothing any more, from the next look that a worker takes at the registry.
import type { Command } from 'commander';
import type { Approver } from '../../policies/approvers.ts';
import { UserError } from '../../runtime/errors.ts';
import { requireAdminKey, writePublicly } from '../admin-key.ts';
import { paint, print, printJson } from '../output.ts';

interface RevokeOptions {
  readonly kid?: string;
  readonly adminKey?: string;
  readonly home?: string;
  readonly json?: boolean;
}

export function registerRevocation(keys: Command): void {
  keys
    .command('revoke')
    .description('take an approver out of the registry, or one of their keys: nothing that they signed counts any more')
    .argument('<id>', 'id of the approver')
    .option('--kid <kid>', 'only this key of theirs (default: all of them)')
    .option('--admin-key <file>', 'private key that signs the entry (default: the one of the home)')
    .option('--home <dir>', 'data folder (default: COUNTERSIGN_HOME, else .countersign)')
    .option('--json', 'print what was revoked as JSON')
    .addHelpText(
      'after',
      '\nWorkers look at the registry when people are asked and right before each effect, so what is approved and not done yet is not done.',
    )
    .addHelpText('after', '\nExample:\n  $ npx countersign keys revoke ada@example.com')
    .action(revoke);
}

async function revoke(id: string, options: RevokeOptions): Promise<void> {
  const { loadApprovers, registryText, signApprover } = await import('../../policies/approvers.ts');
  const { approverPlaces } = await import('../approver-places.ts');
  const places = approverPlaces(options.home);
  const adminKey = await requireAdminKey(options.adminKey, places);
  const before = loadApprovers(places.registry, adminKey.public.key);
  const entry = before.find((approver) => approver.id === id);
  if (entry === undefined) throw unknown(`No approver ${id} in ${places.registry}`);
  const revoked = revokedOf(entry, options.kid);
  const kept = entry.keys.filter(({ kid }) => !revoked.includes(kid));
  const after = before.flatMap((approver) => {
    if (approver.id !== id) return [approver];
    return kept.length === 0 ? [] : [signApprover(adminKey.key, { ...entry, keys: kept })];
  });
  await writePublicly(places.registry, registryText(after));

  const left = kept.map(({ kid }) => kid);
  if (options.json) return printJson({ id, revoked, left, registry: places.registry });
  print(`${paint('yellow', 'revoked')} ${revoked.join(', ')} of ${paint('bold', id)}`);
  print(left.length === 0 ? '  they decide nothing any more' : `  left: ${left.join(', ')}`);
  print(`  registry: ${places.registry}`);
}

function revokedOf({ id, keys }: Approver, kid: string | undefined): readonly string[] {
  const kids = keys.map((key) => key.kid);
  if (kid === undefined) return kids;
  if (kids.includes(kid)) return [kid];
  throw unknown(`${id} has no key ${kid}: there is ${kids.join(', ')}`);
}

const unknown = (message: string): UserError =>
  new UserError(message, { hint: '`npx countersign keys list` shows who may approve, and with which keys.' });
