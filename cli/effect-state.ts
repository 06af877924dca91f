// How an effect ended, in a line: its state and receipt, what it undoes, and what undid it.
import type { EffectSummary } from '../client/index.ts';
import { visible } from './untrusted-text.ts';

/** As much of a key as a list shows: `effects show` takes it. */
export const KEY_CHARS = 'sha256:'.length + 12;

export function effectState({
  state,
  receipt,
  compensates,
  compensatedBy,
}: Pick<EffectSummary, 'state' | 'receipt' | 'compensates' | 'compensatedBy'>): string {
  const said = receipt === null ? state : `${state} (${visible(receipt)})`;
  if (compensates !== null) return `${said}, undoes ${compensates.slice(0, KEY_CHARS)}`;
  if (compensatedBy === null) return said;
  const key = compensatedBy.effectKey.slice(0, KEY_CHARS);
  const isUndone = compensatedBy.state === 'done';
  return isUndone ? `${said}, undone by ${key}` : `${said}, not undone by ${key} (${compensatedBy.state})`;
}
