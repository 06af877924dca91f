/** What a promise rejects with. @throws Error when it does not */
export const errorOf = async (work: Promise<unknown>): Promise<Error> =>
  await work.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: Error) => error,
  );
