// What a run counts of a paid call that failed.
import { ApplicationFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import { noteUnsettled } from '../../workflows/paid-step.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import type { RunState } from '../../workflows/run-state.ts';

const unsettled = { calls: 1, tokens: 10, costUsd: 0.5 };

it.each<[string, string, readonly unknown[]]>([
  ['a model that broke off', Failure.ModelUnavailable, [{ unsettled }]],
  [
    'a model that refused after an attempt that broke off',
    Failure.ModelRateLimited,
    [{ billed: false }, { unsettled }],
  ],
  ['a budget of the day', Failure.BudgetExhausted, ['tenant-day', { unsettled }]],
  ['a soft limit of the day', Failure.BudgetAsks, [{ limit: 'tenant-day' }, { unsettled }]],
])('counts what may have been paid before %s', (_, type, details) => {
  const state = { unsettled } as RunState;
  noteUnsettled(state, ApplicationFailure.nonRetryable('x', type, ...details));
  expect(state.unsettled).toEqual({ calls: 2, tokens: 20, costUsd: 1 });
});

it.each<[string, unknown]>([
  ['without details', ApplicationFailure.nonRetryable('x', Failure.ModelUnavailable)],
  ['with others', ApplicationFailure.nonRetryable('x', Failure.BudgetExhausted, 'tokens', null)],
  ['of another kind', ApplicationFailure.nonRetryable('x', Failure.InvalidInput, { unsettled })],
  ['of no kind', new Error('x')],
])('counts nothing of a failure %s', (_, error) => {
  const state = {} as RunState;
  noteUnsettled(state, error);
  expect(state).toEqual({});
});
