// The key that signs the approver registry, as commands need it: the pair that workers know, and the file that it signs.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { PrivateKey } from '../policies/approver-keys.ts';
import { UserError } from '../runtime/errors.ts';
import type { ApproverFiles } from './stack/approver-keys.ts';

/**
 * The admin's private key, that of the public half which workers hold.
 *
 * @param option where it is. @default among the keys of the home
 * @throws UserError when there is none, or it is another's: an entry signed by it would make workers refuse the whole registry
 */
export async function requireAdminKey(option: string | undefined, places: ApproverFiles): Promise<PrivateKey> {
  const { readPrivateKey, readPublicKey } = await import('../policies/approver-keys.ts');
  const file = option === undefined ? places.adminPrivate : resolve(option);
  if (!existsSync(file)) throw noAdminKey(file);
  const key = readPrivateKey(file);
  if (!existsSync(places.adminPublic)) throw noAdminKey(places.adminPublic);
  if (readPublicKey(places.adminPublic).x === key.x) return key;
  throw new UserError(
    `${file} is not the admin key that workers know: ${places.adminPublic} is another's public half`,
    {
      hint: 'Name the right pair with --admin-key and COUNTERSIGN_APPROVERS_KEY_FILE.',
    },
  );
}

/** For files that everybody may read; whoever reads it meanwhile gets the old or the new one, whole. */
export async function writePublicly(file: string, text: string): Promise<void> {
  const { writeFileAtomic } = await import('../runtime/write-file-atomic.ts');
  mkdirSync(dirname(file), { recursive: true });
  writeFileAtomic(file, text, 0o644);
}

const noAdminKey = (file: string): UserError =>
  new UserError(`No admin key in ${file}`, {
    hint: 'Start a local stack once with `npx countersign dev`, which makes one; elsewhere `npx countersign keys admin` does.',
  });
