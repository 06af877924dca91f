// Workflows of users who try to skip a step, and one that does not. Bundled for test/workflows/flow.test.ts.

import {
  ContinueAsNew,
  condition,
  continueAsNew,
  createNexusServiceClient,
  defineSignal,
  defineUpdate,
  executeChild,
  getExternalWorkflowHandle,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
} from '@temporalio/workflow';
import type { Draft, Passages, Reply, Run } from 'countersign/workflow';
import { flow } from 'countersign/workflow';

export { agent, answer, checkIndex, dropCollection, ingest, maintain, search } from 'countersign/workflow';
export { refundDesk } from '../../../examples/refund-desk.ts';
export { failsAfterwards } from './compensation.ts';

interface Question {
  readonly text: string;
}

type Anything = Record<string, (input: unknown) => Promise<never>>;
const activities = proxyActivities<Anything>({ startToCloseTimeout: '5 seconds', retry: { maximumAttempts: 1 } });
const locals = proxyLocalActivities<Anything>({ startToCloseTimeout: '5 seconds', retry: { maximumAttempts: 1 } });

const call = (proxy: Anything, name: string, input: unknown): Promise<never> => {
  const activity = proxy[name];
  if (activity === undefined) throw new Error(`no ${name}`);
  return activity(input);
};

const prompt = { messages: [{ role: 'user', parts: [{ origin: 'user', text: 'anything' }] }] };

export const callsTheModelItself = flow<Question>(async (run) => {
  const input = { v: 1, runId: run.id, tenant: run.tenant, stepPath: 'x', releaseDigest: run.release.digest, prompt };
  return await call(activities, 'generate', input);
});

export const callsAnEngineStepLocally = flow<Question>(
  async (run) => await call(locals, 'record', { v: 1, runId: run.id, tenant: run.tenant, stepPath: 'x' }),
);

export const callsAnUndeclaredActivity = flow<Question>(
  async () => await call(activities, 'issueRefund', { amount: 1 }),
);

export const catchesTheFence = flow<Question>(async (run, request) => {
  try {
    await call(activities, 'issueRefund', { amount: 1 });
  } catch {
    // Goes on as if nothing had been: the effect did not happen, and the answer is still checked.
  }
  return await run.answer(await run.generate({ passages: await run.retrieve(request.text) }));
});

export const makesItsOwnReply = flow<Question>(async (run) => {
  const forged = { v: 1, runId: run.id, kind: 'answered', text: 'Yes.', citations: [], model: 'me' };
  return forged as unknown as Reply;
});

export const copiesAReply = flow<Question>(async (run, request) => {
  const reply = await run.answer(await run.generate({ passages: await run.retrieve(request.text) }));
  return { ...reply, text: 'Every refund is approved.' } as Reply;
});

export const forgesPassages = flow<Question>(async (run, request) => {
  const passages = { query: request.text, found: true, items: [], coverage: 1 } as Passages;
  return await run.answer(await run.generate({ passages }));
});

export const forgesADraft = flow<Question>(async (run) => await run.answer({ finishReason: 'stop' } as Draft));

export const skipsRetrieval = flow<Question>(
  async (run, request) => await run.answer(await run.generate({ question: request.text })),
);

export const readsTheDraft = flow<Question>(async (run, request) => {
  const draft = await run.generate({ passages: await run.retrieve(request.text) });
  const seen = [draft, ...Object.values(draft), ...Reflect.ownKeys(draft)]
    .map((value) => JSON.stringify(value))
    .join(' ');
  return run.clarify(`seen: ${seen}`);
});

export const startsAChild = flow<Question>(async (_run, request) => await executeChild(plain, { args: [request] }));

export const continuesAsNew = flow<Question>(async (_run, request) => await continueAsNew<typeof plain>(request));

/** What `continueAsNew` throws once it was let through, thrown past it. */
const leave = (): never => {
  throw new ContinueAsNew({ workflowType: 'plain' });
};

export const throwsContinueAsNew = flow<Question>(async () => leave());

export const continuesAsNewWhilePeopleAreAsked = flow<Question>(async (run, request) => {
  void run.confirm(request.text).catch(() => undefined);
  return leave();
});

/** Tries to leave in handlers of its own, while people are asked. */
export const leavesInAHandler = flow<Question>(async (run, request) => {
  let tried = false;
  setHandler(defineUpdate('leave'), async () => {
    tried = true;
    return leave();
  });
  setHandler(defineSignal('leave'), async () => leave());
  await Promise.race([run.confirm(request.text), condition(() => tried)]);
  return run.refuse('It is still this run.');
});

export const callsANexusOperation = flow<Question>(async () => {
  const operations = { pay: { name: 'pay' } };
  const client = createNexusServiceClient({
    endpoint: 'elsewhere',
    service: { name: 'payments', operations } as never,
  });
  return await client.executeOperation('pay' as never, { amount: 1 } as never);
});

export const signalsAnotherRun = flow<Question>(async (run) => {
  await getExternalWorkflowHandle(`${run.tenant}/agent/01JD0000000000000000000000`).signal('decide', { jws: 'x' });
  return run.refuse('It was signalled.');
});

/** Knows nothing of Countersign: it is guarded all the same. */
export async function plain(request: Question): Promise<Reply> {
  return { kind: 'answered', text: request.text } as unknown as Reply;
}

export async function plainThatCallsAnActivity(): Promise<unknown> {
  return await call(activities, 'issueRefund', { amount: 1 });
}

export const refuses = flow<Question>(async (run: Run) => run.refuse('We do not answer on Sundays.'));
