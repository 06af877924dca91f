// The workflows `checkIndex` and `dropCollection`: looking after a collection. Admitted as an ingest of it is.
import { grant, mint } from './grants.ts';
import type { CheckIndexRequest, DropCollectionRequest, DropReport, IndexReport } from './protocol/index.ts';
import { index } from './proxies.ts';
import { currentRun, stepInput } from './run-state.ts';

export async function checkIndex({ collection, dense, language }: CheckIndexRequest): Promise<IndexReport> {
  const asked = {
    collection,
    ...(dense !== undefined && { dense }),
    ...(language !== undefined && { language }),
  };
  const check = await index.checkIndex(grant({ ...stepInput(currentRun(), 'check'), ...asked }));
  return mint<IndexReport>({ ...check, report: 'index' });
}

export async function dropCollection({ collection }: DropCollectionRequest): Promise<DropReport> {
  const dropped = await index.dropCollection(grant({ ...stepInput(currentRun(), 'drop'), collection }));
  return mint<DropReport>({ ...dropped, report: 'drop' });
}
