// The approver registry as a worker holds it: read again whenever its file changed, so that a key removed there decides no more.
import { statSync } from 'node:fs';
import { UserError } from '../runtime/errors.ts';
import type { ApproverKey } from '../workflows/protocol/index.ts';
import { readPublicKey } from './approver-keys.ts';
import type { Approver } from './approvers.ts';
import { loadApprovers } from './approvers.ts';

export interface ApproverRegistry {
  /**
   * The keys whose entries are valid at `now`, as the file is at this moment.
   *
   * @throws UserError when the file cannot be read or an entry does not verify. No registry then, rather than the one before.
   */
  current(now: Date): readonly ApproverKey[];
}

export interface ApproverRegistryOptions {
  /** Without it the registry is empty. */
  readonly file: string;
  /** Public half of the key that signs the entries; may be missing only as long as there is no registry. */
  readonly adminKeyFile: string;
}

export function createApproverRegistry({ file, adminKeyFile }: ApproverRegistryOptions): ApproverRegistry {
  let known: { readonly stamp: string; readonly approvers: readonly Approver[] } | undefined;

  function approvers(): readonly Approver[] {
    const stamp = stampOf(file);
    if (stamp === undefined) return [];
    // Taken before the reading: a file replaced meanwhile is read again the next time.
    const both = `${stamp} ${stampOf(adminKeyFile)}`;
    if (known?.stamp !== both) {
      known = { stamp: both, approvers: loadApprovers(file, readPublicKey(adminKeyFile).key) };
    }
    return known.approvers;
  }

  return {
    current(now) {
      return approvers()
        .filter((each) => Date.parse(each.validFrom) <= now.getTime() && now.getTime() < Date.parse(each.validUntil))
        .flatMap(({ id, groups, keys }) => keys.map(({ kid, x }) => ({ approver: id, kid, x, groups })));
    },
  };
}

/** Differs when the content may; `undefined` when there is no file. */
function stampOf(path: string): string | undefined {
  try {
    const { mtimeNs, ctimeNs, size, ino } = statSync(path, { bigint: true });
    return `${mtimeNs} ${ctimeNs} ${size} ${ino}`;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UserError(`Cannot read ${path}`, {
      hint: 'Check its owner and mode. Until then nobody can approve.',
      cause,
    });
  }
}
