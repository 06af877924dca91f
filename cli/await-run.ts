// Waits for a run, and says on stderr what it tries again: steps are patient for minutes, and whoever waits should know why.
import type { RunHandle, RunProgress } from '../client/index.ts';
import { note } from './output.ts';
import { visible } from './untrusted-text.ts';

const POLL_MS = 2000;

type Followed<Result> = Pick<RunHandle<Result>, 'result' | 'progress'>;

/** @param pollMs how often the run is looked at. @default 2000 */
export async function awaitRun<Result>(run: Followed<Result>, pollMs: number = POLL_MS): Promise<Result> {
  const say = createFailureNotes();
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const look = (): void => {
    timer = setTimeout(async () => {
      // What cannot be told now is told the next time; the result is what counts.
      const progress = await run.progress().catch(() => undefined);
      if (ended) return;
      if (progress !== undefined) say(progress);
      look();
    }, pollMs);
  };
  look();
  try {
    return await run.result();
  } finally {
    ended = true;
    clearTimeout(timer);
  }
}

/** Says each reason once. */
export function createFailureNotes(): (progress: RunProgress) => void {
  let said = '';
  return ({ step, attempt, lastFailure }) => {
    if (lastFailure === undefined || lastFailure === said) return;
    said = lastFailure;
    const told = visible(lastFailure);
    note(`${step}, attempt ${attempt - 1}: ${told}${/[.!?]$/.test(told) ? '' : '.'} It is tried again.`);
  };
}
