// The verb `validate`: nothing is given out that did not pass each check. Fails closed.
import type { ReleaseBody } from '../releases/release.ts';
import type { CompiledSchema } from '../runtime/json-schema.ts';
import { compileSchema } from '../runtime/json-schema.ts';
import type { RunKeys, StartedRun } from '../runtime/keys/index.ts';
import type { EngineActivities, Passage, ValidateInput } from '../workflows/protocol/index.ts';
import { openWithheld } from './detection/restore-reply.ts';
import { localStep } from './local-step.ts';
import type { Releases } from './release-cache.ts';
import { inSlices } from './slices.ts';
import { runChecks } from './validation/checks.ts';

export interface ValidateDependencies {
  readonly runKeys: RunKeys;
  readonly releases: Releases;
}

export function createValidate({ runKeys, releases }: ValidateDependencies): EngineActivities['validate'] {
  return async (input) =>
    await localStep(runKeys, input, async (start) => {
      const { body } = await releases.require(input.tenant, input.releaseDigest);
      return await inSlices(runChecks({ ...input, passages: asSeen(input, start) }, body.rules, outputOf(body)));
    });
}

/** Compiled once a release: bodies are kept in memory. */
const compiled = new WeakMap<ReleaseBody, CompiledSchema>();

function outputOf(body: ReleaseBody): CompiledSchema | undefined {
  if (body.output === undefined) return undefined;
  const known = compiled.get(body) ?? compileSchema(body.output.schema);
  compiled.set(body, known);
  return known;
}

/** Passages as the requester may see them: values that the answer does not show in clear do not stand in them either. */
function asSeen({ passages, withheld }: ValidateInput, start: StartedRun): readonly Passage[] {
  if (withheld === undefined) return passages;
  const left = openWithheld(start.key, withheld.stepPath, withheld.sealed);
  return passages.map((passage) => ({
    ...passage,
    text: left.reduce((text, [token, value]) => text.replaceAll(value, () => token), passage.text),
  }));
}
