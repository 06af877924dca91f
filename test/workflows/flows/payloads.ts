// Flows that carry much, and flows that wait while something happens to their payloads. Bundled for test/workflows/payloads.test.ts.
import { condition, defineSignal, proxyActivities, setHandler, sleep } from '@temporalio/workflow';
import { flow } from 'countersign/workflow';

export { agent, answer, ingest, maintain } from 'countersign/workflow';

interface Much {
  readonly bytes: number;
}
interface Texts {
  /** So many characters that do not compress. */
  makeText(bytes: number): Promise<string>;
  lengthOf(text: string): Promise<number>;
}

const { makeText, lengthOf } = proxyActivities<Texts>({
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '100 milliseconds', maximumInterval: '1 second' },
});
const goOn = defineSignal('goOn');

/** Gives it out, too. */
export const carriesMuch = flow<Much>(async (run, { bytes }) => run.clarify(await makeText(bytes)));

/** One value: made once, used five times. */
export const usesItFiveTimes = flow<Much>(async (run, { bytes }) => {
  const text = await makeText(bytes);
  const lengths = await Promise.all(Array.from({ length: 5 }, () => lengthOf(text)));
  return run.clarify(lengths.join(' '));
});

/** Waits for `goOn`, having made a text that it uses afterwards. */
export const waitsWithMuch = flow<Much>(async (run, { bytes }) => {
  let told = false;
  setHandler(goOn, () => {
    told = true;
  });
  const text = await makeText(bytes);
  await condition(() => told);
  return run.clarify(`${await lengthOf(text)}`);
});

/** A bug of its author, which says what it was given. */
export const throwsWhatItWasGiven = flow<{ readonly secret: string }>(async (run, { secret }) => {
  await sleep('1 millisecond');
  if (secret !== '') throw new TypeError(`cannot read ${secret}`);
  return run.refuse('never');
});
