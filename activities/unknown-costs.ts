// Says once for each model that its calls cost nobody knows what, and why.
import type { ReleaseBody } from '../releases/release.ts';

/** @param warn told what is not known, and of which model */
export function watchCosts(
  warn: (message: string, of: { readonly model: string }) => void,
): (label: string, model: ReleaseBody['model'], costUsd: number | null) => void {
  const said = new Set<string>();
  return (label, model, costUsd) => {
    if (costUsd !== null) return;
    const isPriced = model.inputUsdPerMillion !== undefined && model.outputUsdPerMillion !== undefined;
    const why = isPriced ? 'its provider did not say how many tokens it took' : 'models.yaml has no prices for it';
    if (said.has(`${label} ${why}`)) return;
    said.add(`${label} ${why}`);
    warn(`What a call of a model cost is not known: ${why}`, { model: label });
  };
}
