// The workflow `ingest`: a folder becomes a new index generation, built beside the old one and swapped in at the end.
import { grant, mint } from './grants.ts';
import type { IndexGenerationInput, IngestReport, IngestRequest, StepInput } from './protocol/index.ts';
import { WIRE_VERSION } from './protocol/index.ts';
import { index } from './proxies.ts';
import { currentRun, stepInput } from './run-state.ts';

export async function ingest(request: IngestRequest): Promise<IngestReport> {
  const state = currentRun();
  const { path, collection, chunks: cut } = request;
  const asked = { path, collection, ...(cut !== undefined && { chunks: cut }) };
  const opened = await index.openGeneration(grant({ ...stepInput(state, 'open'), ...asked }));
  const { generation, changed, documents, added, updated, removed, skipped, skippedCount } = opened;
  const on = (step: StepInput): IndexGenerationInput => grant({ ...step, path, collection, generation });
  let { chunks } = opened;
  if (changed) {
    await index.measureGeneration(on(stepInput(state, 'measure')));
    await index.indexGeneration(on(stepInput(state, 'index')));
    const swapped = await index.swapGeneration(on(stepInput(state, 'swap')));
    chunks = swapped.chunks;
  }
  return mint<IngestReport>({
    v: WIRE_VERSION,
    collection,
    generation: generation.id,
    digest: generation.digest,
    changed,
    documents,
    chunks,
    added,
    updated,
    removed,
    skipped,
    skippedCount,
  });
}
