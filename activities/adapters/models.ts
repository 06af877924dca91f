// From what a release pins to the adapter that calls it.
import { ApplicationFailure } from '@temporalio/common';
import type { ReleaseBody } from '../../releases/release.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import type { Model } from '../ports/model.ts';
import { createExtractiveModel } from './extractive.ts';
import { createOpenAiCompatibleModel } from './openai-compatible.ts';

/** @param keys provider keys by variable name */
export function createModels(keys: Readonly<Record<string, string>>): (model: ReleaseBody['model']) => Model {
  const extractive = createExtractiveModel();
  return (model) => {
    if (model.provider === 'local') return extractive;
    const { baseUrl, apiKeyEnv, id } = model;
    if (baseUrl === undefined) throw notConfigured(`Model ${model.name} has no base_url`);
    const apiKey = apiKeyEnv !== undefined && Object.hasOwn(keys, apiKeyEnv) ? keys[apiKeyEnv] : undefined;
    if (apiKeyEnv !== undefined && apiKey === undefined) {
      throw notConfigured(`Model ${model.name} needs ${apiKeyEnv} in the worker's environment`);
    }
    const label = `${model.provider}/${id}`;
    return createOpenAiCompatibleModel({ baseUrl, label, ...(apiKey !== undefined && { apiKey }) });
  };
}

const notConfigured = (message: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(message, Failure.ModelNotConfigured);
