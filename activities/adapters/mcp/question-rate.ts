// How often a server may speak unasked: it is offered nothing, so whoever does it without end keeps a worker from its work.
const WINDOW_MS = 1_000;

export class QuestionRate {
  readonly #perSecond: number;
  #since = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Counts one. @returns whether it is too many */
  isExceeded(): boolean {
    const now = performance.now();
    if (now - this.#since > WINDOW_MS) {
      this.#since = now;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count > this.#perSecond;
  }
}
