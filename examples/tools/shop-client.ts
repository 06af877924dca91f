// How the sample tools speak to the shop. What the shop refuses certainly did not happen; of anything else that goes wrong nobody
// can tell, and the engine decides whether to try again.
import type { ToolContext } from 'countersign/tools';
import { ToolFailure } from 'countersign/tools';
import { z } from 'zod';

export interface ShopRequest<T> {
  readonly method: 'GET' | 'POST';
  /** Begins with a slash; parts that come from arguments are encoded. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the shop answers. */
  readonly reply: z.ZodType<T>;
}

const refusalSchema = z.object({ error: z.string().max(1000) });

/**
 * @throws ToolFailure with the shop's own words when it refuses (HTTP 4xx)
 * @throws Error when it fails (5xx), cannot be reached, sends somewhere else or answers something unheard of
 */
export async function askShop<T>(context: ToolContext, request: ShopRequest<T>): Promise<T> {
  const { method, path, body, headers, reply } = request;
  const url = new URL(path, context.setting('TOOL_SHOP_URL'));
  const response = await fetch(url, {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    // Elsewhere somebody else might take the request for theirs.
    redirect: 'error',
    signal: context.signal,
  });
  if (response.status >= 400 && response.status < 500) throw new ToolFailure(await refusalOf(response));
  if (!response.ok) throw new Error(`The shop answered HTTP ${response.status}.`);
  return reply.parse(await response.json());
}

async function refusalOf(response: Response): Promise<string> {
  const said = refusalSchema.safeParse(await response.json().catch(() => undefined));
  return `The shop refused: ${said.data?.error ?? `HTTP ${response.status}`}`;
}
