// How users declare activities of their own: what is not declared cannot be scheduled.

const PURE = Symbol('countersign.pure');

export type ActivityFunction = (...args: never[]) => Promise<unknown>;

export interface PureActivity {
  readonly [PURE]: true;
  readonly run: ActivityFunction;
}

/**
 * Declares an activity that changes nothing outside: a computation, or a read of a system that anybody on this worker may read.
 * It runs without a verdict, so it must never have an effect.
 */
export function pure(run: ActivityFunction): PureActivity {
  return { [PURE]: true, run };
}

export const isPure = (value: unknown): value is PureActivity =>
  typeof value === 'object' && value !== null && PURE in value;
