// Cases of an attack set through the engine of a test file.
import { beforeAll } from 'vitest';
import type { Case } from '../../attack/cases.ts';
import { obedientModel } from '../../attack/obedient-model.ts';
import type { Outcome } from '../../attack/run-cases.ts';
import { runCases } from '../../attack/run-cases.ts';
import { COLLECTION, MODEL, worldOf } from '../../attack/world.ts';
import { SourceFolder } from '../activities/ingest-harness.ts';
import type { Engine } from '../support/engine.ts';
import { OPERATOR, STAFF, useEngine } from '../support/engine.ts';

const APPROVERS = { manager: ['refund-approvers'], supervisor: ['refund-approvers'] };

/** Call once at the top of a test file. Outcomes are there from the first test on. */
export function useCases(
  cases: readonly Case[],
  policy?: (own: string) => string,
): { readonly engine: Engine; readonly found: { readonly outcomes: readonly Outcome[] } } {
  const world = worldOf(cases);
  const model = obedientModel(world);
  const engine = useEngine({
    tools: world.tools,
    models: { [MODEL]: model },
    releases: () => world.releases,
    approvers: APPROVERS,
    ...(policy !== undefined && { policy }),
  });
  const found: { outcomes: readonly Outcome[] } = { outcomes: [] };
  beforeAll(async () => {
    await using folder = await SourceFolder.create(world.documents);
    const ingest = await engine.client.ingest({ path: folder.path, collection: COLLECTION }, { principal: OPERATOR });
    await ingest.result();
    found.outcomes = await runCases({ client: engine.client, world, model, principal: STAFF });
  });
  return { engine, found };
}
