// Stands for a provider that streams: so many tokens at such a rate, each with its number and the time at which it came.
import { setTimeout as delay } from 'node:timers/promises';
import type { Model } from '../../activities/ports/model.ts';

/** What a question asks for. */
export interface Wanted {
  readonly tokens: number;
  readonly everyMs: number;
  /** Before the first. */
  readonly afterMs: number;
}

export interface Tick {
  readonly n: number;
  /** Of the machine's monotonic clock, which all of its processes share. */
  readonly atMs: number;
}

export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export const askFor = (wanted: Wanted): string => JSON.stringify(wanted);
const write = ({ n, atMs }: Tick): string => `${n}@${atMs.toFixed(3)} `;

/** The ticks in a piece of text; a piece never ends within one. */
export function readTicks(text: string): readonly Tick[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const [n, atMs] = word.split('@').map(Number);
      return { n: n ?? Number.NaN, atMs: atMs ?? Number.NaN };
    });
}

/** @param onFirst told when a run's first token has come */
export function tickingModel(onFirst: (atMs: number) => void): Model {
  return {
    label: 'bench/ticking',
    free: true,
    async call({ prompt, onText }) {
      const parts = prompt.messages.flatMap((message) => message.parts);
      const question = parts.findLast((part) => part.origin === 'user')?.text ?? '';
      const { tokens, everyMs, afterMs } = JSON.parse(question) as Wanted;
      await delay(afterMs);
      const startMs = nowMs();
      let text = '';
      for (let n = 0; n < tokens; n += 1) {
        const waitMs = startMs + n * everyMs - nowMs();
        if (waitMs > 0) await delay(waitMs);
        const atMs = nowMs();
        const tick = write({ n, atMs });
        text += tick;
        onText?.(tick);
        if (n === 0) onFirst(atMs);
      }
      return { text, finishReason: 'stop', usage: { inputTokens: 1, outputTokens: tokens, cachedTokens: 0 } };
    },
  };
}
