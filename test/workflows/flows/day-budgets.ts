// A flow that asks a paid model, and code that lies about people having let it go on. For test/workflows/day-budgets.test.ts.
import { flow } from '../../../workflows/flow.ts';
import type { RunState } from '../../../workflows/run-state.ts';
import { currentRun } from '../../../workflows/run-state.ts';

interface Said {
  readonly text: string;
}

export const says = flow<Said>(async (run, { text }) => await run.answer(await run.generate({ question: text })));

type Day = RunState['dayExtensions'][number];

const spent: Day['spent'] = {
  limit: 'principal-day',
  unit: 'tokens',
  used: 2000,
  soft: 1500,
  hard: 3000,
  budget: 'everybody',
  day: new Date().toISOString().slice(0, 10),
};

export const liesWithoutReceipt = flow<Said>(async (run, { text }) => {
  currentRun().dayExtensions.push({ spent });
  return await run.answer(await run.generate({ question: text }));
});

/** A confirmation by whoever it acts for is no approval of a budget. */
export const liesWithAnothersReceipt = flow<Said>(async (run, { text }) => {
  const receipt = { approvalId: `${run.tenant}/approval/01JD0000000000000000000000`, decisions: [] } as const;
  currentRun().dayExtensions.push({ spent, receipt });
  return await run.answer(await run.generate({ question: text }));
});
