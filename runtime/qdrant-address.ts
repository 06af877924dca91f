// Where a Qdrant answers, by its URL as people write it. No requests.

const DEFAULT_PORT = 6333;

export interface QdrantAddress {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly isTls: boolean;
  readonly port: number;
  /** Of a proxy that Qdrant stands behind, such as `/vectors`; empty without one. */
  readonly path: string;
}

/** @param url http or https. Without a port: 6333, as everywhere in Qdrant */
export function qdrantAddress(url: string): QdrantAddress {
  const { protocol, hostname, pathname } = new URL(url);
  // URL forgets a scheme's usual port, and that may be the one that was meant.
  const port = Number(/^https?:\/\/(?:[^/]*@)?(?:\[[^\]]*\]|[^/:@]*):(\d+)(?![^/]*@)/i.exec(url)?.[1] ?? DEFAULT_PORT);
  return {
    origin: `${protocol}//${hostname}:${port}`,
    isTls: protocol === 'https:',
    port,
    path: pathname.replace(/\/+$/, ''),
  };
}
