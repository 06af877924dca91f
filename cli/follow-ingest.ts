// Waits for an ingest and says how far it is: a bar at a terminal, plain lines elsewhere, on stderr.
import type { RunHandle, RunProgress } from '../client/index.ts';
import { awaitRun, createFailureNotes } from './await-run.ts';
import type { ProgressLine } from './output.ts';
import { progressLine } from './output.ts';

const POLL_MS = 500;
/** Elsewhere than at a terminal nobody waits for a line about what is done in a moment. */
const QUIET_MS = 10_000;
const BAR_CELLS = 20;

/** @param silent away from a terminal, for output that machines read */
export async function followIngest<Result>(run: RunHandle<Result>, silent: boolean): Promise<Result> {
  const terminal = process.stderr.isTTY === true;
  if (silent && !terminal) return await awaitRun(run);
  const line = progressLine('ingest');
  const sayFailure = createFailureNotes();
  const quietUntilMs = performance.now() + (terminal ? 0 : QUIET_MS);
  let ended = false;
  const result = run.result().finally(() => {
    ended = true;
  });
  // Awaited below; until then a failure must not count as unhandled.
  result.catch(() => {});
  try {
    while (!ended) {
      await Promise.race([result.catch(() => {}), new Promise((resolve) => setTimeout(resolve, POLL_MS))]);
      if (ended) break;
      if (performance.now() < quietUntilMs) continue;
      // What cannot be told now is told the next time; the result is what counts.
      const progress = await run.progress().catch(() => undefined);
      if (progress === undefined) continue;
      show(line, progress, terminal);
      sayFailure(progress);
    }
    return await result;
  } finally {
    line.done();
  }
}

const STEPS: Readonly<Record<string, string>> = {
  openGeneration: 'reading the folder',
  measureGeneration: 'measuring',
  indexGeneration: 'indexing',
  swapGeneration: 'swapping in',
};

function show(line: ProgressLine, { step, details }: RunProgress, terminal: boolean): void {
  const doing = STEPS[step];
  if (doing === undefined) return;
  const { documents, ofDocuments, chunks, ofChunks } = details;
  const fraction = shareOf(chunks, ofChunks) ?? shareOf(documents, ofDocuments);
  const counts = [
    ...(documents === undefined ? [] : [`${documents} documents`]),
    ...(chunks === undefined ? [] : [`${chunks} chunks`]),
  ].join(', ');
  // Elsewhere than at a terminal each new text without a share is a line of its own.
  const text = terminal || fraction !== undefined ? [doing, counts].filter((part) => part !== '').join(' ') : doing;
  line.update(terminal && fraction !== undefined ? `${barOf(fraction)} ${text}` : text, fraction);
}

const shareOf = (done: number | undefined, of: number | undefined): number | undefined =>
  done === undefined || of === undefined || of === 0 ? undefined : Math.min(1, done / of);

function barOf(fraction: number): string {
  const full = Math.round(fraction * BAR_CELLS);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}]`;
}
