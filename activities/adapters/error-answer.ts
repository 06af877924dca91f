// What a provider says beside the status of an error: how long to wait, that its filter refuses the prompt, that the key is wrong or its money spent. Its
// words are compared, and never passed on.
import { z } from 'zod';

export interface ErrorAnswer {
  /** Milliseconds until it may be asked again, at most five minutes. */
  readonly delayMs?: number;
  /** Its content filter refuses what was sent. */
  readonly filtered?: true;
  /** It does not know the key, whatever its status says. */
  readonly wrongKey?: true;
  /** What was paid for in advance is used up: no wait helps. */
  readonly exhausted?: true;
}

const MAX_RETRY_AFTER_MS = 5 * 60_000;
/** What is longer is no error of a provider's. */
const MAX_BODY_BYTES = 64 * 1024;
/** The status has been told; a body that does not come holds nobody up. */
const BODY_TIMEOUT_MS = 2_000;
/** Those whose body says more than they do. */
const READ: ReadonlySet<number> = new Set([400, 429]);

/** Codes of OpenAI, of Azure, and of gateways before them. */
const FILTERS: ReadonlySet<unknown> = new Set([
  'content_filter',
  'content_policy_violation',
  'invalid_prompt',
  'ResponsibleAIPolicyViolation',
]);
/** Anthropic has no code for it. */
const FILTER_MESSAGE = /^Output blocked by content filtering policy/;

const errorSchema = z.object({
  code: z.unknown().optional(),
  message: z.unknown().optional(),
  innererror: z.object({ code: z.unknown().optional() }).optional().catch(undefined),
  /** Google's. */
  details: z.array(z.unknown()).default([]).catch([]),
});
const bodySchema = z.object({ error: errorSchema });
const detailSchema = z.object({ reason: z.string().optional(), retryDelay: z.string().optional() });

/** Reads what is needed of the answer, and ends it. Never throws. */
export async function readErrorAnswer(response: Response): Promise<ErrorAnswer> {
  const asked = delayOf(response.headers);
  const said = READ.has(response.status) ? bodyOf(await textOf(response)) : {};
  await response.body?.cancel().catch(() => {});
  return { ...said, ...(asked !== undefined && { delayMs: asked }) };
}

/**
 * Milliseconds that headers ask to wait. A date is held against the server's own, since clocks differ.
 *
 * @param now for a server that does not say what time it has. @default Date.now()
 */
export function delayOf(headers: Headers, now: number = Date.now()): number | undefined {
  const ms = headers.get('retry-after-ms')?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(ms)) return bounded(Number(ms));
  const after = headers.get('retry-after')?.trim();
  if (after === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(after)) return bounded(Number(after) * 1000);
  const clock = Date.parse(headers.get('date') ?? '');
  return bounded(Date.parse(after) - (Number.isNaN(clock) ? now : clock));
}

const bounded = (ms: number): number | undefined =>
  Number.isFinite(ms) ? Math.min(Math.max(Math.ceil(ms), 0), MAX_RETRY_AFTER_MS) : undefined;

function bodyOf(text: string): ErrorAnswer {
  const body = bodySchema.safeParse(jsonOf(text));
  if (!body.success) return {};
  const { error } = body.data;
  const { details } = error;
  const read = details.map((detail) => detailSchema.safeParse(detail).data ?? {});
  const seconds = read.map(({ retryDelay = '' }) => /^(\d+(?:\.\d+)?)s$/.exec(retryDelay)?.[1]).find(Boolean);
  const delayMs = seconds === undefined ? undefined : bounded(Number(seconds) * 1000);
  return {
    ...(delayMs !== undefined && { delayMs }),
    ...(isFilters(error) && { filtered: true }),
    // OpenAI's, and of those who speak like it.
    ...(error.code === 'insufficient_quota' && { exhausted: true }),
    ...(read.some(({ reason }) => reason === 'API_KEY_INVALID') && { wrongKey: true }),
  };
}

const isFilters = ({ code, message, innererror }: z.infer<typeof errorSchema>): boolean =>
  FILTERS.has(code) || FILTERS.has(innererror?.code) || FILTER_MESSAGE.test(String(message));

/** Whether an error inside of a stream is a filter's word. @param error as the AI SDK makes it of the event, which it may keep as `data` */
export function isFilterError(error: unknown): boolean {
  const { data } = (error ?? {}) as { readonly data?: unknown };
  return [error, data].some((each) => {
    const read = errorSchema.safeParse(each);
    return read.success && isFilters(read.data);
  });
}

/** Google answers with a list where it was asked for a stream. */
function jsonOf(text: string): unknown {
  try {
    const body: unknown = JSON.parse(text);
    return Array.isArray(body) ? body[0] : body;
  } catch {
    return undefined;
  }
}

/** What of it came in time; nothing of one that is too long. */
async function textOf({ body }: Response): Promise<string> {
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  const late = setTimeout(() => void reader.cancel().catch(() => {}), BODY_TIMEOUT_MS);
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      size += next.value.byteLength;
      if (size > MAX_BODY_BYTES) return '';
      chunks.push(next.value);
    }
    return Buffer.concat(chunks).toString('utf8');
  } catch {
    return '';
  } finally {
    clearTimeout(late);
    reader.releaseLock();
  }
}
