// What a call moves, as its tool says it: checked here, so that nothing passes a policy's threshold for being no amount.
import type { Amount, AmountArguments, ArgumentPath } from '../../workflows/protocol/index.ts';
import type { Tool } from '../ports/tool.ts';
import { ToolArgumentsError } from './tool-failure.ts';

/** ISO 4217. */
export const CURRENCY = /^[A-Z]{3}$/;

/** By the code of a tool. @throws ToolArgumentsError when it throws, or gives back what is no amount */
export function amountByCode(tool: string, code: () => unknown): Amount {
  let given: unknown;
  try {
    given = code();
  } catch (error) {
    // The name only: a message may repeat a value.
    throw untold(tool, `its code threw ${error instanceof Error ? error.name : 'something'}`);
  }
  if (typeof given !== 'object' || given === null) throw untold(tool, 'its code gave back no amount');
  const { value, currency } = given as { readonly value?: unknown; readonly currency?: unknown };
  return checked(tool, value, currency);
}

/** By arguments of a tool of somebody else. The currency may be in small letters, as some services have it. @throws ToolArgumentsError */
export function amountByArguments(tool: string, from: AmountArguments, args: unknown): Amount {
  const { argument, currency, currencyArgument } = from;
  const value = valueAt(tool, args, argument);
  if (currencyArgument === undefined) return checked(tool, value, currency);
  const named = valueAt(tool, args, currencyArgument);
  const isWritten = typeof named === 'string' && /^[A-Za-z]{3}$/.test(named);
  return checked(tool, value, isWritten ? named.toUpperCase() : named);
}

export const namesOf = (path: ArgumentPath): readonly string[] => (typeof path === 'string' ? [path] : path);

export function isSameAmount(a: Amount | undefined, b: Amount | undefined): boolean {
  return a?.value === b?.value && a?.currency === b?.currency;
}

/** Whether the tool of this worker says of the call what it was judged by. Code that throws by now does not. */
export function isAmountAsJudged(tool: Tool, args: unknown, judged: Amount | undefined): boolean {
  try {
    return isSameAmount(tool.amount?.(args), judged);
  } catch {
    return false;
  }
}

function valueAt(tool: string, args: unknown, path: ArgumentPath): unknown {
  let value = args;
  for (const name of namesOf(path)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) {
      throw untold(tool, `${namesOf(path).join('.')}: it is missing`);
    }
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

function checked(tool: string, value: unknown, currency: unknown): Amount {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw untold(tool, 'it is not a whole number from 0 to 2^53 - 1');
  }
  if (currency === undefined) return { value };
  if (typeof currency === 'string' && CURRENCY.test(currency)) return { value, currency };
  throw untold(tool, 'its currency has not three capital letters, such as EUR');
}

const untold = (tool: string, why: string): ToolArgumentsError =>
  new ToolArgumentsError(`The amount of this call of ${tool} cannot be told: ${why}`);
