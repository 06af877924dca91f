// Wires the engine's activities to their adapters: the one place where they meet.
import { join } from 'node:path';
import { createBreakers } from '../activities/adapters/circuit-breaker.ts';
import { createEndpointModels } from '../activities/adapters/endpoint-models.ts';
import { createModels } from '../activities/adapters/models.ts';
import { createPresidioDetector } from '../activities/adapters/presidio.ts';
import { createVectorStore } from '../activities/adapters/vector-stores.ts';
import { createAdmit } from '../activities/admit.ts';
import { createAssemble } from '../activities/assemble.ts';
import { createCallTool } from '../activities/call-tool.ts';
import { createCheckIndex } from '../activities/check-index.ts';
import { createCloseApproval } from '../activities/close-approval.ts';
import type { Denials } from '../activities/denials.ts';
import { allOf, builtInDetector } from '../activities/detection/detectors.ts';
import { createDropCollection } from '../activities/drop-collection.ts';
import { createEmbed } from '../activities/embed.ts';
import { createGenerate } from '../activities/generate.ts';
import { guardSearch } from '../activities/guard-search.ts';
import { createIndexGeneration } from '../activities/index-generation.ts';
import { createJudgeAnswer } from '../activities/judge-answer.ts';
import { createJudgeCall } from '../activities/judge-call.ts';
import { createLatencies } from '../activities/latencies.ts';
import { lookUp } from '../activities/look-up.ts';
import { createMeasureGeneration } from '../activities/measure-generation.ts';
import { createModelCalls } from '../activities/model-calls.ts';
import { createModelRates } from '../activities/model-rates.ts';
import { createModerate } from '../activities/moderate.ts';
import { createOpenGeneration } from '../activities/open-generation.ts';
import { createPlanCompensations } from '../activities/plan-compensations.ts';
import type { Detector } from '../activities/ports/detector.ts';
import type { Model } from '../activities/ports/model.ts';
import { createExtractor } from '../activities/reading/extractor.ts';
import { createRecord } from '../activities/record.ts';
import { createReleases } from '../activities/release-cache.ts';
import { createReplyCache } from '../activities/reply-cache.ts';
import { createRequestAnswer } from '../activities/request-answer.ts';
import { createRequestApproval } from '../activities/request-approval.ts';
import { createRerank } from '../activities/rerank.ts';
import { createRetrieve, createSearch } from '../activities/retrieve.ts';
import { createToolSearch } from '../activities/search-in-tool.ts';
import type { SecurityLog } from '../activities/security-log.ts';
import type { Analyzer } from '../activities/sparse/analyzer.ts';
import { createAnalyzers } from '../activities/sparse/analyzers.ts';
import { streamSteps } from '../activities/stream-steps.ts';
import type { StreamWriter } from '../activities/stream-writer.ts';
import { createSwapGeneration } from '../activities/swap-generation.ts';
import { createTakeAnswer } from '../activities/take-answer.ts';
import type { Toolbox } from '../activities/toolbox.ts';
import { createCheckRemotely, createValidate } from '../activities/validate.ts';
import type { OwnCheck } from '../activities/validation/define-check.ts';
import { createApproverRegistry } from '../policies/approver-registry.ts';
import type { AccessPolicy } from '../policies/load.ts';
import { loadRateLimits } from '../policies/rate-limits.ts';
import { findRelease } from '../releases/registry.ts';
import type { AssertionKey } from '../runtime/assertion.ts';
import type { Config } from '../runtime/config.ts';
import type { Database } from '../runtime/database.ts';
import type { RunKeys, TenantKeys } from '../runtime/keys/index.ts';
import type { EngineActivities } from '../workflows/protocol/index.ts';

export interface EngineDependencies {
  readonly config: Config;
  readonly db: Database;
  readonly runKeys: RunKeys;
  readonly tenantKeys: Pick<TenantKeys, 'pseudonym'>;
  readonly policy: AccessPolicy;
  readonly denials: Denials;
  readonly assertionKey: AssertionKey;
  readonly declared: readonly string[];
  readonly buildId: string;
  readonly tools: Toolbox;
  readonly securityLog: SecurityLog;
  /** Take the place of shipped ones of their language. @default none */
  readonly analyzers?: readonly Analyzer[];
  /** @default none */
  readonly checks?: readonly OwnCheck[];
  readonly streams: StreamWriter;
  /** Models that stand in for others, by the name that manifests use; for tests. */
  readonly models?: Readonly<Record<string, Model>>;
  /** Stands for the ledger's clock; for tests. */
  readonly now?: () => Date;
}

export function createEngineActivities(dependencies: EngineDependencies): EngineActivities {
  const { config, db, runKeys, policy, denials, now } = dependencies;
  const releases = createReleases((tenant, digest) => findRelease(db.of(tenant), tenant, digest));
  const vectors = createVectorStore(db, config.qdrant);
  // One for the process: its threads are limited together.
  const breakers = createBreakers();
  const latencies = createLatencies();
  const models = createEndpointModels(config.providerKeys, breakers);
  const modelRates = createModelRates(db, loadRateLimits(join(config.policiesDir, 'rate-limits.yaml')));
  const analyzers = createAnalyzers(dependencies.analyzers);
  const ingest = {
    db,
    vectors,
    analyzers,
    extractor: createExtractor(),
    embedding: { models, modelRates, policy, denials },
  };
  const search = guardSearch(createSearch({ db, vectors, analyzers }), { policy, releases, denials });
  const approvers = createApproverRegistry({ file: config.approversFile, adminKeyFile: config.approversKeyFile });
  const clock = now === undefined ? {} : { now };
  const answers = { ...dependencies, releases, approvers, ...clock };
  const paying = { ...answers, models, modelCalls: createModelCalls(db), modelRates, detector: detectorOf(config) };
  const replies = createReplyCache({ ...paying, tenantKeys: dependencies.tenantKeys });
  const [embed, rerank] = [createEmbed(paying), createRerank(paying)];
  const validating = {
    runKeys,
    releases,
    ownChecks: new Map((dependencies.checks ?? []).map((each) => [each.name, each])),
  };
  const modelFor = createModels(config.providerKeys, dependencies.models, breakers);
  const toolSearch = createToolSearch(search, { embed, rerank });
  const verbs: EngineActivities = {
    admit: createAdmit({
      ...dependencies,
      findRelease: releases.find,
      lookUp: (tenant, collection) => denials.along(tenant, () => lookUp(db.of(tenant), tenant, collection)),
      allowCollectionOverride: config.mode === 'development',
    }),
    retrieve: createRetrieve(search, runKeys),
    embed,
    rerank,
    assemble: createAssemble({ runKeys, releases, latencies }),
    generate: createGenerate({
      ...paying,
      replies,
      latencies,
      modelFor,
    }),
    validate: createValidate(validating),
    checkRemotely: createCheckRemotely(validating),
    moderate: createModerate(paying),
    judgeAnswer: createJudgeAnswer({ ...paying, modelFor }),
    record: createRecord({ db, runKeys }),
    judgeCall: createJudgeCall({ ...dependencies, releases }),
    requestApproval: createRequestApproval({ ...dependencies, releases, approvers, ...clock }),
    requestAnswer: createRequestAnswer(answers),
    takeAnswer: createTakeAnswer(answers),
    callTool: createCallTool({
      ...dependencies,
      releases,
      approvers,
      search: toolSearch,
      settings: config.toolSettings,
    }),
    closeApproval: createCloseApproval({ db, runKeys }),
    planCompensations: createPlanCompensations({ db, runKeys, releases }),
    openGeneration: createOpenGeneration(ingest),
    measureGeneration: createMeasureGeneration(ingest),
    indexGeneration: createIndexGeneration(ingest),
    swapGeneration: createSwapGeneration(ingest),
    checkIndex: createCheckIndex(ingest),
    dropCollection: createDropCollection(db),
  };
  return streamSteps(verbs, dependencies);
}

function detectorOf({ presidio }: Config): Detector {
  return allOf([builtInDetector, ...(presidio === undefined ? [] : [createPresidioDetector(presidio)])]);
}
