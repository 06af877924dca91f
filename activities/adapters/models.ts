// From what a release pins to the adapter that calls it.
import { ApplicationFailure } from '@temporalio/common';
import type { ReleaseBody } from '../../releases/release.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import type { Model } from '../ports/model.ts';
import type { RemoteModel } from './ai-providers.ts';
import type { Breakers } from './circuit-breaker.ts';
import { createBreakers, providerAt } from './circuit-breaker.ts';
import { createExtractiveModel } from './extractive.ts';
import { createScriptedModel } from './scripted.ts';

/** The model of a release. @throws ApplicationFailure ModelNotConfigured, non-retryable */
export type ModelFor = (release: Pick<ReleaseBody, 'model' | 'script'>) => Model;

/**
 * @param keys provider keys by variable name
 * @param overrides models that stand in for others, by the name that the manifest uses; for tests
 * @param breakers shared with whoever asks the same providers. @default of its own
 */
export function createModels(
  keys: Readonly<Record<string, string>>,
  overrides: Readonly<Record<string, Model>> = {},
  breakers: Breakers = createBreakers(),
): ModelFor {
  const extractive = createExtractiveModel();
  return ({ model, script }) => {
    const override = Object.hasOwn(overrides, model.name) ? overrides[model.name] : undefined;
    if (override !== undefined) return override;
    if (model.provider === 'local') return local(model, script, extractive);
    return remote(model, model.provider, { keys, breakers });
  };
}

/** The SDK is loaded at the first call: a worker of local models never needs it. */
function remote(
  { name, id, baseUrl, apiKeyEnv, reasons }: ReleaseBody['model'],
  provider: RemoteModel['provider'],
  { keys, breakers }: { readonly keys: Readonly<Record<string, string>>; readonly breakers: Breakers },
): Model {
  if (baseUrl === undefined) throw notConfigured(`Model ${name} has no base_url`);
  const apiKey = apiKeyEnv !== undefined && Object.hasOwn(keys, apiKeyEnv) ? keys[apiKeyEnv] : undefined;
  if (apiKeyEnv !== undefined && apiKey === undefined) {
    throw notConfigured(`Model ${name} needs ${apiKeyEnv} in the worker's environment`);
  }
  return {
    label: `${provider}/${id}`,
    free: false,
    async call(request) {
      const { createRemoteModel } = await import('./ai-providers.ts');
      const called = createRemoteModel({
        provider,
        id,
        baseUrl,
        reasons: reasons === true,
        ...(apiKey !== undefined && { apiKey }),
      });
      const { signal, longestWaitMs, onText } = request;
      const calling = async (answers: () => void) =>
        await called.call({
          ...request,
          onText(delta) {
            answers();
            onText?.(delta);
          },
        });
      return await breakers.run(providerAt(provider, baseUrl), calling, { signal, longestWaitMs });
    },
  };
}

function local({ name, id }: ReleaseBody['model'], script: ReleaseBody['script'], extractive: Model): Model {
  if (id === 'extractive') return extractive;
  if (id !== 'scripted') throw notConfigured(`Model ${name}: there is no local/${id}, only extractive and scripted`);
  if (script === undefined) throw notConfigured(`Model ${name} is local/scripted, and its release has no script`);
  return createScriptedModel(script);
}

const notConfigured = (message: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(message, Failure.ModelNotConfigured);
