// Capabilities inside the sandbox: which activity inputs the engine made, and which values its steps minted.
// Users cannot import this file, so what is not in these sets did not pass through a step.

const inputs = new WeakSet<object>();
const minted = new WeakSet<object>();

/** Marks an input as made by an engine step; the interceptor lets only such inputs reach engine activities. */
export function grant<Input extends object>(input: Input): Input {
  inputs.add(input);
  return input;
}

export const isGranted = (input: unknown): boolean => typeof input === 'object' && input !== null && inputs.has(input);

/** Marks a value as a result that a run may return. */
export function mint<Value extends object>(value: Value): Value {
  minted.add(value);
  return value;
}

export const isMinted = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && minted.has(value);
