// Amounts as people write them.

/** `24.90 EUR` for 2490 cents. */
export function money(cents: number, currency: string): string {
  return `${(cents / 100).toFixed(2)} ${currency}`;
}
