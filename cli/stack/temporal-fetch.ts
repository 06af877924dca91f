// What a way to get the Temporal CLI is told. See temporal-download.ts and temporal-build.ts.

/** Where to put the binary: by an atomic rename, so that two processes may do it at once. */
export interface FetchTarget {
  readonly version: string;
  readonly cacheDir: string;
  readonly target: string;
  readonly path: string;
  readonly downloadBaseUrl: string;
  readonly connectTimeoutMs: number;
  readonly goEnv: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly onProgress: (text: string, fraction?: number) => void;
}
