// How to decide an approval, as commands that a person can copy: with a development key on a local stack, with a file elsewhere.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ApprovalSummary } from '../client/index.ts';
import type { Config } from '../runtime/config.ts';

export interface ApprovalCommands {
  readonly show: string;
  /** The yes; of a question for a value, the value. */
  readonly approve: string;
  readonly reject: string;
  /** What else may be answered, each to be put in the place of `approve`. */
  readonly others: readonly string[];
}

type Where = Pick<Config, 'mode' | 'home'>;

interface Asked extends Pick<ApprovalSummary, 'id' | 'kind' | 'requester' | 'decidedBy'> {
  readonly asksRequester?: true | undefined;
}

/** @param home the `--home` that this command was given, so that the next one finds the same stack */
export function commandsFor(
  { id, kind, requester, decidedBy, asksRequester }: Asked,
  config: Where,
  home: string | undefined,
): ApprovalCommands {
  const ulid = id.slice(id.lastIndexOf('/') + 1);
  const stack = home === undefined ? '' : ` --home ${home}`;
  const command = (verb: string): string => `npx countersign approvals ${verb} ${ulid}`;
  const signer =
    asksRequester === true && config.mode === 'development'
      ? '--as-requester'
      : signerOption(config, [requester, ...decidedBy]);
  const yes =
    kind === 'input' ? `${command('respond')} ${signer} --value JSON` : `${command('approve')} ${signer} --reason "…"`;
  return {
    show: `${command('show')}${stack}`,
    approve: `${yes}${stack}`,
    reject: `${command('reject')} ${signer} --reason "…"${stack}`,
    others: [...(OTHERS[kind] ?? []), ...(asksRequester === true ? [] : ['delegate --to ID']), 'cancel'],
  };
}

const OTHERS: Readonly<Partial<Record<ApprovalSummary['kind'], readonly string[]>>> = {
  tool: ['edit --args-file FILE', 'respond --text "…"'],
  review: ['edit --text "…"', 'respond --text "…"'],
};

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
