// What is read of a pending activity: how far it is, and why it is tried again.
import type { Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { encodeErrorToFailure, loadDataConverter } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { expect, it } from 'vitest';
import { progressOf } from '../../client/run-progress.ts';
import { plainConverter } from '../../runtime/payloads/data-converter.ts';

const RUN = 'default/search/01J00000000000000000000000';

const waitingFor = (...pendingActivities: readonly object[]): Client =>
  ({
    workflow: { getHandle: () => ({ describe: async () => ({ raw: { pendingActivities } }) }) },
  }) as unknown as Client;

it('says why an activity is tried again', async () => {
  const lastFailure = await encodeErrorToFailure(
    loadDataConverter(plainConverter),
    ApplicationFailure.retryable('Qdrant could not search docs (no answer in time).'),
  );
  const activity = { activityType: { name: 'retrieve' }, attempt: 3, lastFailure };
  expect(await progressOf(waitingFor(activity), plainConverter, RUN)).toEqual({
    step: 'retrieve',
    attempt: 3,
    details: {},
    lastFailure: 'Qdrant could not search docs (no answer in time).',
  });
});

it('says nothing of failures for a first attempt, and nothing at all while none is under way', async () => {
  const first = waitingFor({ activityType: { name: 'retrieve' }, attempt: 1 });
  expect(await progressOf(first, plainConverter, RUN)).toEqual({ step: 'retrieve', attempt: 1, details: {} });
  expect(await progressOf(waitingFor(), plainConverter, RUN)).toBeUndefined();
});
