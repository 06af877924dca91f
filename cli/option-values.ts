// What options of commands take: a text of the command line, read or refused as wrong use.
import { UserError } from '../runtime/errors.ts';

/** For an option that may be given again. */
export const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** @throws UserError, wrong use */
export function wholeNumber(option: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new UserError(`${option} must be a whole number from 1 to ${most}, not ${text}`, { exitCode: 64 });
}

/** @throws UserError, wrong use */
export function shareOf(option: string, text: string): number {
  const share = Number(text);
  if (text.trim() !== '' && share >= 0 && share <= 1) return share;
  throw new UserError(`${option} must be a share from 0 to 1, not ${text}`, { exitCode: 64 });
}

/** US dollars. @throws UserError, wrong use */
export function usdOf(option: string, text: string): number {
  const usd = Number(text);
  if (text.trim() !== '' && usd >= 0 && Number.isFinite(usd)) return usd;
  throw new UserError(`${option} must be US dollars, 0 or more, not ${text}`, { exitCode: 64 });
}
