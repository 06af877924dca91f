// Amounts as people read them.
import type { Amount } from '../workflows/protocol/index.ts';

/** `24.90 EUR` for 2490 cents; `2490` where something is counted. Digits are moved as text: no amount is too large. */
export function amountText({ value, currency }: Amount): string {
  if (currency === undefined) return `${value}`;
  const digits = digitsOf(currency);
  if (digits === 0) return `${value} ${currency}`;
  const text = `${value}`.padStart(digits + 1, '0');
  return `${text.slice(0, -digits)}.${text.slice(-digits)} ${currency}`;
}

/** How many digits the minor unit has: none for JPY, three for KWD. @default 2 for a currency that nobody knows */
function digitsOf(currency: string): number {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency });
  return format.resolvedOptions().maximumFractionDigits ?? 2;
}
