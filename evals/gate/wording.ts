// How figures are written for people. Pure.

/** A measured share: cut, not rounded, so that nothing below a limit reads like the limit. */
export const percent = (share: number): string => `${Math.floor(share * 1000 + 1e-9) / 10} %`;

/** An upper bound, for the same reason. */
export const percentUp = (share: number): string => `${Math.ceil(share * 1000 - 1e-9) / 10} %`;

/** A limit, as it was set. */
export const limitPercent = (share: number): string => `${Number((share * 100).toFixed(6))} %`;

export const usd = (amount: number): string => `$${Number(amount.toPrecision(3))}`;

export const ndcg = (share: number): string => share.toFixed(3);

export const ms = (duration: number): string => `${Number(duration.toPrecision(3))} ms`;

export const pValue = (p: number): string => (p < 0.0001 ? 'p < 0.0001' : `p = ${Number(p.toPrecision(2))}`);

/** "1 case", "2 cases". */
export const counted = (count: number, noun: string, plural = `${noun}s`): string =>
  `${count} ${count === 1 ? noun : plural}`;
