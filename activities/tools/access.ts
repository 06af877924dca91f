// What whoever makes a tool says that it can reach and do. Left out, it leaves no trace in the definition, so that its hash stays.
import type { Sensitivity, ToolAccess } from '../../workflows/protocol/index.ts';
import { SENSITIVITY_RANK } from '../../workflows/protocol/index.ts';

/** @throws what `wrong` makes of what is wrong with it */
export function accessSaid(
  access: ToolAccess | undefined,
  wrong: (what: string) => TypeError,
): { readonly access?: ToolAccess } {
  if (access === undefined) return {};
  const { reads, acts, ...others } = access as { readonly reads?: unknown; readonly acts?: unknown };
  if (typeof reads !== 'string' || !Object.hasOwn(SENSITIVITY_RANK, reads)) {
    throw wrong(`access.reads is one of ${Object.keys(SENSITIVITY_RANK).join(', ')}`);
  }
  if (typeof acts !== 'boolean') throw wrong('access.acts is true or false');
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw wrong(`access has reads and acts, and no ${unknown}`);
  return { access: { reads: reads as Sensitivity, acts } };
}
