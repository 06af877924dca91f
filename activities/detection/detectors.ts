// The built-in detector, and several as one.
import { merged, scan } from '../../runtime/detection/scan.ts';
import type { Detector } from '../ports/detector.ts';
import { inSlices } from '../slices.ts';

/** Shapes and check digits; needs nothing and sends nothing anywhere. */
export const builtInDetector: Detector = {
  detect: (text) => inSlices(scan(text)),
};

/** What any of them finds. When one fails, all did. */
export function allOf(detectors: readonly Detector[]): Detector {
  const [only] = detectors;
  if (only !== undefined && detectors.length === 1) return only;
  return {
    async detect(text, signal) {
      const found = await Promise.all(detectors.map((detector) => detector.detect(text, signal)));
      return merged(found.flat());
    },
  };
}
