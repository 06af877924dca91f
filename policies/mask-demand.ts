// What a permit asks to be hidden from a model before it counts, read from its annotations. A slip in one is an error at load.
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { UserError } from '../runtime/errors.ts';
import type { DetectedKind, MaskDemand } from '../workflows/protocol/index.ts';
import { DETECTED_KINDS } from '../workflows/protocol/index.ts';

/** Annotations that this file reads. */
export const MASK_ANNOTATIONS: ReadonlySet<string> = new Set(['mask', 'restore']);

/**
 * The demand of one policy, or `undefined` when it makes none. `where` names file and policy.
 *
 * @throws UserError for a kind that is not known, and for a demand that would never be made or cannot be followed
 */
export function maskDemandOf(policy: PolicyJson, where: string): MaskDemand | undefined {
  const { mask: masked, restore: restored } = policy.annotations ?? {};
  if (masked === undefined && restored === undefined) return undefined;
  if (masked === undefined) {
    throw new UserError(`${where}: @restore without @mask: nothing would be hidden that could be restored`, {
      hint: 'Add @mask("…") with the kinds that the model must not see.',
    });
  }
  if (policy.effect !== 'permit' || !isAboutModels(policy.action)) {
    throw new UserError(`${where}: @mask stands on a policy that lets nothing go to a model`, {
      hint: 'Only a permit for action == Action::"send_to_model" can ask for masks. Move it there, or drop it.',
    });
  }
  const mask = kindsOf('mask', masked ?? '', where);
  const restore = restored === undefined ? [] : kindsOf('restore', restored ?? '', where);
  if (restore.includes('secret')) {
    throw new UserError(`${where}: @restore("${restored}") names secret, and secrets are never restored`, {
      hint: 'Leave it out: the answer shows the mask.',
    });
  }
  const unmasked = restore.find((kind) => !mask.includes(kind));
  if (unmasked === undefined) return { mask, restore };
  throw new UserError(`${where}: @restore names ${unmasked}, which @mask does not hide`, {
    hint: `Add it to @mask, or drop it from @restore.`,
  });
}

/** Of several demands the strictest: everything that one of them hides, and of that back only what each that hides it gives back. */
export function mergeMasks(demands: readonly MaskDemand[], detected: readonly DetectedKind[]): MaskDemand | undefined {
  const mask = detected.filter((kind) => demands.some((demand) => demand.mask.includes(kind)));
  if (mask.length === 0) return undefined;
  const restore = mask.filter((kind) =>
    demands.every((demand) => !demand.mask.includes(kind) || demand.restore.includes(kind)),
  );
  return { mask, restore };
}

function isAboutModels(action: PolicyJson['action']): boolean {
  const { op, entity } = action as { readonly op: string; readonly entity?: { readonly id?: string } };
  return op === '==' && entity?.id === 'send_to_model';
}

function kindsOf(name: 'mask' | 'restore', text: string, where: string): readonly DetectedKind[] {
  const named = text.split(',').map((kind) => kind.trim());
  const known = DETECTED_KINDS.filter((kind) => named.includes(kind));
  if (known.length === named.length) return known;
  throw new UserError(`${where}: @${name}("${text}") is not a list of kinds`, {
    hint: `Write kinds with commas between, each once. There are: ${DETECTED_KINDS.join(', ')}.`,
  });
}
