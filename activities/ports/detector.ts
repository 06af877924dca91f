// The port to what finds personal data and secrets in a text. Adapters map vendor errors to failures and never answer "nothing" instead.
import type { Finding } from '../../workflows/protocol/index.ts';

export interface Detector {
  /**
   * Findings by offset, without overlaps; offsets in UTF-16 code units of `text`. Never changes or keeps the text.
   *
   * @throws ApplicationFailure DetectorUnavailable, retryable, or DetectorRefused, non-retryable: nothing may be taken for clean then
   */
  detect(text: string, signal?: AbortSignal): Promise<readonly Finding[]>;
}
