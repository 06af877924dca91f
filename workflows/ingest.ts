// The workflow `ingest`: a folder becomes a new index generation, built beside the old one and swapped in at the end.
import { grant, mint } from './grants.ts';
import type { EmbeddedChunks, IndexGenerationInput, IngestReport, IngestRequest, StepInput } from './protocol/index.ts';
import { WIRE_VERSION } from './protocol/index.ts';
import { index } from './proxies.ts';
import { admissionOf, currentRun, stepInput } from './run-state.ts';

export async function ingest(request: IngestRequest): Promise<IngestReport> {
  const state = currentRun();
  const { path, collection, chunks: cut, dense, language } = request;
  const asked = {
    path,
    collection,
    ...(cut !== undefined && { chunks: cut }),
    ...(dense !== undefined && { dense }),
    ...(language !== undefined && { language }),
  };
  const opened = await index.openGeneration(grant({ ...stepInput(state, 'open'), ...asked }));
  const { generation, changed, documents, added, updated, removed, skipped, skippedCount } = opened;
  const { principal } = admissionOf(state);
  const on = (step: StepInput, embeds?: true): IndexGenerationInput =>
    grant({ ...step, path, collection, generation, ...(embeds === true && { principal }) });
  let { chunks } = opened;
  let embedded: EmbeddedChunks | undefined;
  if (changed) {
    await index.measureGeneration(on(stepInput(state, 'measure')));
    ({ embedded } = await index.indexGeneration(on(stepInput(state, 'index'), opened.embeds)));
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
    ...(embedded !== undefined && { embedded }),
  });
}
