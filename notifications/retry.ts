// When a notification that did not arrive is tried again, and what of a receiver's answer means that it never will. Pure.

/** What came of an attempt. Words are ours: what a receiver says is not repeated. */
export type Sent =
  | { readonly state: 'delivered' /** What did not go well with it. */; readonly remark?: string }
  /** Trying again would change nothing. */
  | { readonly state: 'refused'; readonly why: string }
  | { readonly state: 'missed'; readonly why: string /** As the receiver asks for. */; readonly retryAfterMs?: number };

const FIRST_DELAY_MS = 5_000;
const MAX_DELAY_MS = 15 * 60_000;
/** One header does not put a notification off for longer. */
const MAX_RETRY_AFTER_MS = 60 * 60_000;

/**
 * Doubles with each attempt from 5 seconds up to 15 minutes, and half of it is chance, so that what failed together does not come
 * together again. Never before the receiver wants it, but for at most an hour.
 */
export function delayMs(attempt: number, retryAfterMs = 0, random: () => number = Math.random): number {
  const full = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt - 1, 20));
  const backoff = full / 2 + (full / 2) * random();
  return Math.round(Math.max(backoff, Math.min(MAX_RETRY_AFTER_MS, retryAfterMs)));
}

/** What an HTTP status says. Redirects are not followed: they would take what we say to where nobody configured it. */
export function sentOf(status: number, retryAfter: string | null, now: Date): Sent {
  if (status >= 200 && status < 300) return { state: 'delivered' };
  const why = `HTTP ${status}`;
  if (status >= 300 && status < 400) return { state: 'refused', why: `${why}: redirects are not followed` };
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) return { state: 'refused', why };
  const retryAfterMs = retryAfterOf(retryAfter, now);
  return { state: 'missed', why, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** Seconds, or a date of HTTP. */
function retryAfterOf(text: string | null, now: Date): number | undefined {
  if (text === null) return undefined;
  const ms = /^\d{1,9}$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - now.getTime();
  return Number.isNaN(ms) || ms < 0 ? undefined : ms;
}
