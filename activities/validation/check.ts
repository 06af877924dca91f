// What a check is: a name, whether it is asked of a draft, and what it finds. Pure.
import type { Check } from '../../workflows/protocol/index.ts';
import type { Sliced } from '../slices.ts';
import type { Draft } from './draft.ts';

export interface Finding {
  readonly passed: boolean;
  /** For people: what was looked at, and why it passes or not. Repeats nothing of the draft but what was cleaned. */
  readonly reason: string;
  /** 0–1. @default null: there is nothing to score */
  readonly score?: number | null;
  /** What the score is held against. @default null */
  readonly threshold?: number | null;
  /** What is given out in place of the text that was looked at. @default the same */
  readonly text?: string;
}

/** A check of the engine. */
export interface BuiltIn {
  readonly name: string;
  applies(draft: Draft): boolean;
  look(draft: Draft): Finding | Sliced<Finding>;
}

export const checkOf = (name: string, { passed, reason, score = null, threshold = null }: Finding): Check => ({
  name,
  passed,
  reason,
  score,
  threshold,
});

/** Fails closed. */
export const failedCheck = (name: string, why: string): Check =>
  checkOf(name, { passed: false, reason: `the check ${name} ${why}, so nothing is given out` });
