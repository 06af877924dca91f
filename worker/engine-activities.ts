// Wires the engine's activities to their adapters: the one place where they meet.
import { createModels } from '../activities/adapters/models.ts';
import { createVectorStore } from '../activities/adapters/vector-stores.ts';
import { createAdmit } from '../activities/admit.ts';
import { createAssemble } from '../activities/assemble.ts';
import { currentGeneration } from '../activities/find-generation.ts';
import { createGenerate } from '../activities/generate.ts';
import { createIndexGeneration } from '../activities/index-generation.ts';
import { createMeasureGeneration } from '../activities/measure-generation.ts';
import { createModelCalls } from '../activities/model-calls.ts';
import { createOpenGeneration } from '../activities/open-generation.ts';
import { createRecord } from '../activities/record.ts';
import { createReleases } from '../activities/release-cache.ts';
import { createRetrieve } from '../activities/retrieve.ts';
import { createSwapGeneration } from '../activities/swap-generation.ts';
import { createValidate } from '../activities/validate.ts';
import type { AccessPolicy } from '../policies/load.ts';
import { findRelease } from '../releases/registry.ts';
import type { AssertionKey } from '../runtime/assertion.ts';
import type { Config } from '../runtime/config.ts';
import type { Sql } from '../runtime/database.ts';
import type { RunKeys } from '../runtime/keys.ts';
import type { EngineActivities } from '../workflows/protocol/index.ts';

export interface EngineDependencies {
  readonly config: Config;
  readonly sql: Sql;
  readonly runKeys: RunKeys;
  readonly policy: AccessPolicy;
  readonly assertionKey: AssertionKey;
  readonly declared: readonly string[];
  readonly buildId: string;
}

export function createEngineActivities(dependencies: EngineDependencies): EngineActivities {
  const { config, sql, runKeys } = dependencies;
  const releases = createReleases((tenant, digest) => findRelease(sql, tenant, digest));
  const vectors = createVectorStore(sql, config.qdrant);
  return {
    admit: createAdmit({
      ...dependencies,
      findRelease: releases.find,
      currentGeneration: (tenant, collection) => currentGeneration(sql, tenant, collection),
      allowCollectionOverride: config.mode === 'development',
    }),
    retrieve: createRetrieve({ sql, vectors, runKeys }),
    assemble: createAssemble({ runKeys, releases }),
    generate: createGenerate({
      runKeys,
      releases,
      modelCalls: createModelCalls(sql),
      modelFor: createModels(config.providerKeys),
    }),
    validate: createValidate({ runKeys, releases }),
    record: createRecord({ sql, runKeys }),
    openGeneration: createOpenGeneration({ sql, vectors }),
    measureGeneration: createMeasureGeneration({ sql, vectors }),
    indexGeneration: createIndexGeneration({ sql, vectors }),
    swapGeneration: createSwapGeneration({ sql, vectors }),
  };
}
