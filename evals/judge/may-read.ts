// Whether a judge's models may be sent what replies of a release may hold. To its run a reply is text of whoever asks, and its own checks see no more than that: so it
// is looked at before anything is asked. Pure.
import type { Release, ReleaseBody } from '../../releases/release.ts';
import { modelsOf, refOf } from '../../releases/release.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Principal, Sensitivity } from '../../workflows/protocol/index.ts';
import { accessOf, highestSensitivity, SENSITIVITY_RANK } from '../../workflows/protocol/index.ts';

/** @throws UserError for a judge with a model that may be sent less than a reply may hold */
export function requireMayRead(judge: Release, { body }: Release, principal: Principal | undefined): void {
  const held = heldBy(body, principal?.clearance ?? 'public');
  const narrow = askedBy(judge.body).find((model) => SENSITIVITY_RANK[limitOf(model)] < SENSITIVITY_RANK[held]);
  if (narrow === undefined) return;
  throw new UserError(
    `${refOf(judge)} cannot judge ${refOf({ body })}: ${narrow.name} may be sent what is ${limitOf(narrow)} at most, and replies to ${principal?.id ?? 'anonymous'} may hold what is ${held}`,
    {
      hint: 'Name a judge whose models may be sent that (max_sensitivity in models.yaml), or ask as somebody who may see less (--as).',
    },
  );
}

/** Models that a judge's run sends its question to: those that write, and one that rates what they wrote. */
function askedBy(body: ReleaseBody): readonly ReleaseBody['model'][] {
  const { judge } = body.rules.checks ?? {};
  return judge === undefined ? modelsOf(body) : [...modelsOf(body), judge.model];
}

/** What was found and what tools read, as far as the models that write may be sent it. */
function heldBy(body: ReleaseBody, clearance: Sensitivity): Sensitivity {
  const { retrieval, tools = [] } = body;
  const read = highestSensitivity([
    ...(retrieval === undefined && tools.length === 0 ? [] : [clearance]),
    ...tools.map(({ definition }) => accessOf(definition).reads),
  ]);
  const sent = highestSensitivity(modelsOf(body).map(limitOf));
  return SENSITIVITY_RANK[read] < SENSITIVITY_RANK[sent] ? read : sent;
}

const limitOf = ({ maxSensitivity = 'restricted' }: ReleaseBody['model']): Sensitivity => maxSensitivity;
