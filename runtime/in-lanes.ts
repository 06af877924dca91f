// Work on many things, some at a time.

/** Begins nothing further once one has failed. @throws the first failure, when what was under way beside it has ended, too */
export async function inLanes<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = items.values();
  let failed = false;
  const lanes = await Promise.allSettled(
    Array.from({ length: Math.min(atOnce, items.length) }, async () => {
      for (const item of left) {
        if (failed) return;
        try {
          await work(item);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    }),
  );
  const first = lanes.find((lane) => lane.status === 'rejected');
  if (first !== undefined) throw first.reason;
}
