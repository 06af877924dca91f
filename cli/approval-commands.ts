// How to decide an approval, as commands that a person can copy: with a development key on a local stack, with a file elsewhere.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ApprovalSummary } from '../client/index.ts';
import type { Config } from '../runtime/config.ts';

export interface ApprovalCommands {
  readonly show: string;
  readonly approve: string;
  readonly reject: string;
  /** What else may be answered, each to be put in the place of `approve`. */
  readonly others: readonly string[];
}

type Where = Pick<Config, 'mode' | 'home'>;

/** @param home the `--home` that this command was given, so that the next one finds the same stack */
export function commandsFor(
  { id, kind, requester, decidedBy }: Pick<ApprovalSummary, 'id' | 'kind' | 'requester' | 'decidedBy'>,
  config: Where,
  home: string | undefined,
): ApprovalCommands {
  const ulid = id.slice(id.lastIndexOf('/') + 1);
  const stack = home === undefined ? '' : ` --home ${home}`;
  const command = (verb: string): string => `npx countersign approvals ${verb} ${ulid}`;
  const signer = signerOption(config, [requester, ...decidedBy]);
  return {
    show: `${command('show')}${stack}`,
    approve: `${command('approve')} ${signer} --reason "…"${stack}`,
    reject: `${command('reject')} ${signer} --reason "…"${stack}`,
    others: [...(kind === 'tool' ? OF_CALLS : []), 'delegate --to ID', 'cancel'],
  };
}

const OF_CALLS = ['edit --args-file FILE', 'respond --text "…"'];

function signerOption(config: Where, except: readonly string[]): string {
  if (config.mode !== 'development') return '--key FILE';
  const able = developmentApprovers(config.home).filter((approver) => !except.includes(approver));
  // `manager` approves in every example; the others are as good.
  return `--as ${able.includes('manager') ? 'manager' : (able[0] ?? 'APPROVER')}`;
}

/** Whose keys the local stack has. */
export function developmentApprovers(home: string): readonly string[] {
  try {
    const files = readdirSync(join(home, 'keys', 'approvers'));
    return files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length));
  } catch {
    return [];
  }
}
