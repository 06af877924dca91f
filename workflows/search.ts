// The workflow `search`: what a run of a release would be given for a question, with every verdict on the way, and no model.
import { ApplicationFailure } from '@temporalio/workflow';
import { mint } from './grants.ts';
import type { SearchReport, SearchRequest } from './protocol/index.ts';
import { Failure, MAX_TOP_K, WIRE_VERSION } from './protocol/index.ts';
import { searchStep } from './retrieve-step.ts';
import { admissionOf, currentRun, releaseOf } from './run-state.ts';
import { summaryOf } from './verdicts.ts';

export async function search({ query, topK }: SearchRequest): Promise<SearchReport> {
  const state = currentRun();
  const { retrieval, name } = releaseOf(state);
  if (retrieval === undefined) throw invalid(`release ${name} searches nothing`);
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1 && topK <= MAX_TOP_K)) {
    throw invalid(`topK is a whole number from 1 to ${MAX_TOP_K}`);
  }
  const settings = topK === undefined ? retrieval : { ...retrieval, topK };
  const { verdict, reason, passages, coverage, access, rerank } = await searchStep(state, query, settings);
  const { generation } = admissionOf(state);
  if (generation === undefined) throw invalid(`collection ${settings.collection} does not exist`);
  return mint<SearchReport>({
    v: WIRE_VERSION,
    report: 'search',
    collection: settings.collection,
    generation,
    verdict,
    reason,
    passages,
    coverage,
    minScore: settings.minScore,
    topK: settings.topK,
    ...(rerank !== undefined && { rerank }),
    access: access === undefined ? null : summaryOf(access),
  });
}

const invalid = (what: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(`Cannot search: ${what}.`, Failure.InvalidInput);
