// Requests to an authorization server and for metadata: to the hosts that were named, without redirects, with little to read and
// little time. No credentials go elsewhere, whatever metadata says.
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 256 * 1024;

export interface GuardedFetch {
  (target: string | URL, init?: RequestInit): Promise<Response>;
  /** Of the last answer; 0 while there is none, `undefined` before anything was asked. */
  status: number | undefined;
  /** Whether the last answer says that it is JSON. */
  isJson: boolean;
}

export class OtherHostError extends Error {
  constructor() {
    super('a request to another host');
    this.name = 'OtherHostError';
  }
}

class AnswerRefused extends Error {
  constructor(name: string) {
    super(name);
    this.name = name;
  }
}

export function guardedFetch(origins: readonly string[]): GuardedFetch {
  const guarded: GuardedFetch = async (target, init) => {
    guarded.status = 0;
    if (!origins.includes(new URL(target).origin)) throw new OtherHostError();
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(target, { ...init, redirect: 'manual', signal });
    const { status, headers } = response;
    const body = await boundedText(response);
    guarded.status = status;
    guarded.isJson = /[/+]json\b/i.test(typeOf(headers));
    if (status >= 300 && status < 400) throw new AnswerRefused('Redirected');
    return new Response(body === '' ? null : body, { status, headers: { 'content-type': typeOf(headers) } });
  };
  guarded.status = undefined;
  guarded.isJson = false;
  return guarded;
}

const typeOf = (headers: Headers): string => headers.get('content-type') ?? '';

async function boundedText({ body }: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.byteLength;
    if (bytes > MAX_BYTES) throw new AnswerRefused('AnswerTooLarge');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
