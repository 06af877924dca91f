// What an HTTP response means for a call. A status below 300 is done, whatever comes of its body; any other means that nothing was
// done only where the document or the options say so, or the method changes nothing.
import { visible } from '../../tools/preview.ts';
import { DoneWithoutResult, ToolFailure } from '../../tools/tool-failure.ts';

const MAX_ERROR_CHARS = 500;

export interface ResponseRules {
  /** GET and HEAD change nothing. */
  readonly isSafe: boolean;
  readonly nothingDoneOn: readonly number[];
  readonly maxBytes: number;
}

/** The name reaches people: `It ended without saying whether it happened (Http503)`. */
class HttpStatusError extends Error {
  constructor(status: number) {
    super(`HTTP ${status}`);
    this.name = `Http${status}`;
  }
}

class TooLarge extends Error {}

/** @throws ToolFailure, DoneWithoutResult; Error when nobody can tell */
export async function resultOf(response: Response, rules: ResponseRules): Promise<unknown> {
  const { status } = response;
  const { isSafe, nothingDoneOn, maxBytes } = rules;
  if (status >= 200 && status < 300) return await contentOf(response, rules);
  // Redirects are not followed: they may lead anywhere.
  if (!(nothingDoneOn.includes(status) || (isSafe && status < 500))) {
    await response.body?.cancel().catch(() => {});
    throw new HttpStatusError(status);
  }
  const text = await textOf(response, maxBytes).catch(() => '');
  throw new ToolFailure(`HTTP ${status}, and nothing was done. ${visible(text.slice(0, MAX_ERROR_CHARS))}`.trim());
}

async function contentOf(response: Response, { isSafe, maxBytes }: ResponseRules): Promise<unknown> {
  let text: string;
  try {
    text = await textOf(response, maxBytes);
  } catch (error) {
    if (isSafe && !(error instanceof TooLarge)) throw error;
    const what = error instanceof TooLarge ? `has more than ${maxBytes} bytes` : 'broke off';
    throw new DoneWithoutResult(`It was done. What it gave back ${what} and was not kept.`);
  }
  if (text === '') return null;
  const type = response.headers.get('content-type') ?? '';
  if (/^text\//i.test(type)) return text;
  try {
    if (/[/+]json\b/i.test(type)) return JSON.parse(text) as unknown;
  } catch {
    // Said to be JSON, and is none.
  }
  throw new DoneWithoutResult('It was done. What it gave back is neither JSON nor text and was not kept.');
}

/** @throws TooLarge; Error when it breaks off or is not UTF-8 */
async function textOf(response: Response, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    // Leaving the loop cancels the rest.
    if (bytes > maxBytes) throw new TooLarge();
    parts.push(part);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
}
