// How an effect ended in words, sealed: what a tool says may be content. Written by the funnel, read by it and by clients.
import { open, seal } from './keys/index.ts';

export interface Outcome {
  /** For people and the model; empty for a result without remarks. */
  readonly message: string;
  /** The outside system's own receipt. */
  readonly receipt: string | null;
}

export const sealOutcome = (runKey: Uint8Array, effectKey: string, { message, receipt }: Outcome): Buffer =>
  seal(runKey, contextOf(effectKey), Buffer.from(JSON.stringify({ message, receipt })));

/** @throws when key, effect or a byte differs */
export const openOutcome = (runKey: Uint8Array, effectKey: string, sealed: Uint8Array): Outcome =>
  JSON.parse(open(runKey, contextOf(effectKey), sealed).toString('utf8')) as Outcome;

const contextOf = (effectKey: string): string => `effect-outcome:${effectKey}`;
