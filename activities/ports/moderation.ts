// The port to what tells harmful text from other text. No I/O here; adapters are in ../adapters.

export interface ModerationCategory {
  /** As the adapter names it, for example `harassment/threatening`. */
  readonly name: string;
  /** 0–1: how sure it is. */
  readonly score: number;
}

export interface Moderated {
  readonly flagged: boolean;
  /** All that it looks for, each once, the highest score first. */
  readonly categories: readonly ModerationCategory[];
}

export interface Moderation {
  /** What it is, for people. */
  readonly label: string;
  /** Costs nothing, and sends nothing anywhere. */
  readonly free: boolean;
  /**
   * Fails closed: what cannot be read is an ApplicationFailure that says whether trying again may help, never "not flagged". Does not retry.
   *
   * @param texts at most {@link MAX_MODERATED}
   * @returns one a text, in their order
   */
  moderate(texts: readonly string[], signal: AbortSignal): Promise<readonly Moderated[]>;
}

/** Texts of one request. */
export const MAX_MODERATED = 32;

/** @throws Error for more than {@link MAX_MODERATED} */
export function requireFew(label: string, texts: readonly string[]): void {
  if (texts.length > MAX_MODERATED)
    throw new Error(`${label} was given ${texts.length} texts; it takes ${MAX_MODERATED}`);
}

export const byScore = (categories: readonly ModerationCategory[]): readonly ModerationCategory[] =>
  [...categories].sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1));
