// Reading streams in tests.
import type { StreamEvent } from '../../client/index.ts';

/** The text as it was told, withdrawn or not. */
export const textOf = (events: readonly StreamEvent[]): string =>
  events.map((event) => (event.type === 'token' ? event.data.text : '')).join('');

export async function allOf(events: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const seen: StreamEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

/** Events up to the one that ends it. */
export async function until(
  events: AsyncIterator<StreamEvent>,
  isLast: (event: StreamEvent) => boolean,
): Promise<readonly StreamEvent[]> {
  const seen: StreamEvent[] = [];
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error(`the stream ended after ${JSON.stringify(seen)}`);
    seen.push(value);
    if (isLast(value)) return seen;
  }
}

/** A piece of text that ends so. */
export const ends = (text: string) => (event: StreamEvent) => event.type === 'token' && event.data.text.endsWith(text);
