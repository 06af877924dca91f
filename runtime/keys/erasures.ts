// How the word of an erasure reaches every process that may have a key in memory: NOTIFY, in the transaction that destroys it.
import type { Database, Transaction } from '../database.ts';
import type { Keys } from './index.ts';

const CHANNEL = 'countersign_erased';

/** Call it in the transaction that destroys keys: nobody hears of it before, and everybody after. */
export async function announceErasures(tx: Transaction, tenant: string): Promise<void> {
  await tx`select pg_notify(${CHANNEL}, ${tenant})`;
}

/**
 * Keeps the memory of this process free of destroyed keys, and of what was opened with them. One connection, until the pool ends.
 * Whatever is heard, all run keys are dropped: they are read anew at once, and a word too many costs less than one too few.
 */
export async function followErasures(
  db: Database,
  { runKeys, subjectKeys }: Pick<Keys, 'runKeys' | 'subjectKeys'>,
  forgetContent: () => void = () => {},
): Promise<void> {
  const forget = (): void => {
    runKeys.forget('all');
    subjectKeys.forgetAll();
    forgetContent();
  };
  // Called again after each lost connection: something may have been said in between.
  await db.listen(CHANNEL, forget, forget);
}
