// Flows whose effects are undone. For test/workflows/compensation.test.ts and kill-compensation.test.ts.
import { condition } from '@temporalio/workflow';
import type { Reply } from 'countersign/workflow';
import { flow } from 'countersign/workflow';

export { agent } from 'countersign/workflow';

interface Job {
  /** `TOOL ITEM`, made one after the other. */
  readonly calls: readonly string[];
}

type Steps = Parameters<Parameters<typeof flow<Job>>[0]>[0];

async function make(run: Steps, { calls }: Job): Promise<readonly string[]> {
  const statuses: string[] = [];
  for (const call of calls) {
    const [tool = '', item = ''] = call.split(' ');
    statuses.push((await run.tool(tool, { item })).status);
  }
  return statuses;
}

const fail = (run: Steps): Promise<Reply> => Promise.resolve({ kind: 'answered', runId: run.id } as never);

/** Ends as failed: it returns what is no reply of its run. */
export const failsAfterwards = flow<Job>(async (run, job) => {
  await make(run, job);
  return await fail(run);
});

/** Ends well, and so nothing is undone. */
export const endsWell = flow<Job>(async (run, job) => run.refuse((await make(run, job)).join(', ')));

/** Never ends by itself. */
export const waitsForever = flow<Job>(async (run, job) => {
  await make(run, job);
  await condition(() => false);
  return run.refuse('never');
});

/** Undoes by itself, says what came of it, and ends well. */
export const undoes = flow<Job>(async (run, job) => {
  await make(run, job);
  const outcomes = await run.compensate();
  return run.refuse(JSON.stringify(outcomes));
});

/** Undoes twice, at once and again, and then fails. */
export const undoesAgainAndAgain = flow<Job>(async (run, job) => {
  await make(run, job);
  await Promise.all([run.compensate(), run.compensate()]);
  await run.compensate();
  return await fail(run);
});

/** Returns while it undoes. */
export const undoesAndReturns = flow<Job>(async (run, job) => {
  await make(run, job);
  void run.compensate().catch(() => {});
  return run.refuse('I did not wait.');
});
