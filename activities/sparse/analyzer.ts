// What a language needs to become searchable. An analyzer is frozen: other terms need another id, and so a new generation.

export interface Analyzer {
  /** Name and revision, part of every generation's digest, for example `english/2`. */
  readonly id: string;
  /** Terms of a text in order, repeats kept: lower-cased, stop words out, stemmed. */
  terms(text: string): readonly string[];
  /**
   * Distinct terms of a question that its answer must cover: its terms without scaffolding such as "how do I".
   * For coverage only; ranking keeps every term.
   */
  contentTerms(question: string): ReadonlySet<string>;
}
