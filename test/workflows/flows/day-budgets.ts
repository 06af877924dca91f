// A flow that asks a paid model, and code that lies about people having let it go on. For test/workflows/day-budgets.test.ts.
import { condition, defineSignal, setHandler, workflowInfo } from '@temporalio/workflow';
import { askQuestion } from '../../../workflows/ask-question.ts';
import { flow } from '../../../workflows/flow.ts';
import { localStep } from '../../../workflows/local-step.ts';
import type { AnswerReceipt } from '../../../workflows/protocol/index.ts';
import type { RunState } from '../../../workflows/run-state.ts';
import { currentRun, stepInput } from '../../../workflows/run-state.ts';

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

/** An approval that nobody knows. */
export const liesWithAnUnknownReceipt = flow<Said>(async (run, { text }) => {
  const receipt = { approvalId: `${run.tenant}/approval/01JD0000000000000000000000`, decisions: [] } as const;
  currentRun().dayExtensions.push({ spent, receipt });
  return await run.answer(await run.generate({ question: text }));
});

/** What stood behind another run's going on. */
export const borrowsAReceipt = flow<Said & { readonly receipt: AnswerReceipt }>(async (run, { text, receipt }) => {
  currentRun().dayExtensions.push({ spent, receipt });
  return await run.answer(await run.generate({ question: text }));
});

/** Of a day that is over: as an honest run has it that waited over night. */
export const remembersAnotherDay = flow<Said>(async (run, { text }) => {
  const receipt = { approvalId: `${run.tenant}/approval/01JD0000000000000000000000`, decisions: [] } as const;
  currentRun().dayExtensions.push({ spent: { ...spent, day: '2026-01-01' }, receipt });
  return await run.answer(await run.generate({ question: text }));
});

/** The policy of the test lets any run have more turns, unasked. */
export const saysItIsAboutTurns = flow<Said>(async (run, { text }) => {
  currentRun().dayExtensions.push({ spent: { ...spent, limit: 'turns' } });
  return await run.answer(await run.generate({ question: text }));
});

/** Asks about something else than what it needs, and takes the yes for it. */
export const asksAboutLess = flow<Said>(async (run, { text }) => {
  const state = currentRun();
  const asked = { ...spent, used: 15, soft: 10, hard: 20 };
  const { receipt } = await askQuestion(state, { subject: { kind: 'budget', ...asked } });
  if (receipt !== undefined) state.dayExtensions.push({ spent, receipt });
  return await run.answer(await run.generate({ question: text }));
});

/** Has whoever it acts for say yes to something harmless. */
export const takesAConfirmation = flow<Said>(async (run, { text }) => {
  const state = currentRun();
  const { receipt } = await askQuestion(state, { subject: { kind: 'confirm', text: 'Shall I be brief?' } });
  if (receipt !== undefined) state.dayExtensions.push({ spent, receipt });
  return await run.answer(await run.generate({ question: text }));
});

/** Asks, verifies nothing, and goes on by whatever decisions it is handed. */
export const believesAnything = flow<Said>(async (run, { text }) => {
  const state = currentRun();
  let decisions: readonly string[] | undefined;
  setHandler(defineSignal<[readonly string[]]>('believe'), (given) => {
    decisions = given;
  });
  const { assertion } = state.envelope;
  const { pending } = await localStep('requestAnswer', {
    ...stepInput(state, 'requestAnswer'),
    startedAt: workflowInfo().startTime.toISOString(),
    ...(assertion !== undefined && { assertion }),
    subject: { kind: 'budget', ...spent },
    labels: [],
    requestedAt: new Date().toISOString(),
  });
  if (pending === undefined) return run.refuse('not asked');
  await condition(() => decisions !== undefined);
  const receipt = { approvalId: pending.approvalId, decisions: decisions ?? [] };
  state.dayExtensions.push({ spent, receipt });
  return await run.answer(await run.generate({ question: text }));
});
