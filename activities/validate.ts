// The verb `validate`: nothing is given out that did not pass each check. Fails closed.
import type { RunKeys } from '../runtime/keys/index.ts';
import type { EngineActivities } from '../workflows/protocol/index.ts';
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
    await localStep(runKeys, input, async () => {
      const { body } = await releases.require(input.tenant, input.releaseDigest);
      return await inSlices(runChecks(input, body.rules));
    });
}
