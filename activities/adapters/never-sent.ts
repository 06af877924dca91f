// Whether a request failed before it had a connection: then certainly nothing was done.
const NEVER_SENT: readonly unknown[] = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];

/** The system's code of such a failure of `fetch`; `undefined` for any other. */
export function neverSent(error: unknown): string | undefined {
  const { code } = ((error as Error | undefined)?.cause ?? {}) as NodeJS.ErrnoException;
  return NEVER_SENT.includes(code) ? code : undefined;
}
