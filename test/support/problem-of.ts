// What a promise fails with, where it has to be an error for users.
import { expect } from 'vitest';
import { UserError } from '../../runtime/errors.ts';

export async function problemOf(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => new Error('it succeeded'),
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}
