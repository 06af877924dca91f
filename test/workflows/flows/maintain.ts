// A workflow file of a user who would like to be the engine. Bundled for test/workflows/maintain.test.ts.
import { proxyActivities } from '@temporalio/workflow';
import { flow } from 'countersign/workflow';

export { answer } from 'countersign/workflow';

type Anything = Record<string, (input: unknown) => Promise<never>>;
const { collectBlobs } = proxyActivities<Anything>({ startToCloseTimeout: '5 seconds' });

/** By the name of the engine's own. */
export async function maintain(): Promise<string> {
  return 'The users own code ran without being admitted.';
}

export const collectsByItself = flow(async (run) => run.clarify(String(await collectBlobs?.({ v: 1 }))));
