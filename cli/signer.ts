// Who signs a command: a development key of the local stack, or a key file.
import { resolve } from 'node:path';
import type { Signer } from '../client/index.ts';
import type { Config } from '../runtime/config.ts';
import { UserError } from '../runtime/errors.ts';
import { developmentApprovers } from './approval-commands.ts';

export interface SignerOptions {
  readonly as?: string;
  readonly key?: string;
}

/** @throws UserError, wrong use, for both, neither, or an approver that the stack has no key of */
export async function signerOf(config: Config, { as, key }: SignerOptions): Promise<Signer> {
  const { readSigner } = await import('../client/index.ts');
  if (as !== undefined && key !== undefined)
    throw wrongUse('Give --as or --key, not both', 'A decision has one signer.');
  if (key !== undefined) return readSigner(resolve(key));
  const known = config.mode === 'development' ? developmentApprovers(config.home) : [];
  const hint =
    known.length > 0 ? `This stack has keys of: ${known.join(', ')}.` : 'Name your private key with --key FILE.';
  if (as === undefined) throw wrongUse('Nobody to sign: --as or --key is missing', hint);
  if (config.mode !== 'development') throw wrongUse(`--as ${as} works on a local development stack only`, hint);
  // Only names that the folder lists: the text never becomes part of a path otherwise.
  if (!known.includes(as)) throw wrongUse(`No development approver ${as}`, hint);
  const { approverFiles } = await import('./stack/approver-keys.ts');
  return readSigner(approverFiles(config.home).keyOf(as));
}

const wrongUse = (message: string, hint: string): UserError => new UserError(message, { hint, exitCode: 64 });
