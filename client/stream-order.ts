// Makes of what a store has what a reader may show: each event once, no text of an earlier attempt beside a later one's, no text with a
// hole in it. Pure but for the hash of what stands.
import type { Hash } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { Said } from '../runtime/streams/sealed-event.ts';
import type { StreamEvent, StreamKey, WithdrawalReason } from '../workflows/protocol/index.ts';
import { WIRE_VERSION } from '../workflows/protocol/index.ts';

export interface Ordered {
  /** Of one stored event: itself, withdrawals that follow from it, or nothing. An end is given to whoever knows the reply. */
  take(at: Place, said: Said): readonly StreamEvent[];
  /** When the run has ended: withdraws whatever text still stands, of every step but one. */
  close(at: Place, reason: WithdrawalReason, except?: string): readonly StreamEvent[];
  /** The step whose text came last, where it stands and is this one, whole. */
  standing(text: string): string | undefined;
  /** Something was lost, or there was too much. */
  readonly incomplete: boolean;
}

export interface Place {
  readonly key: StreamKey;
  readonly offset: string;
}

interface Step {
  readonly attempt: number;
  nextSeq: number;
  /** Of its text; `undefined` before there is any, and after it was withdrawn. */
  text: Hash | undefined;
  /** What else comes of its text is not shown. */
  broken: boolean;
}

export function orderStream(): Ordered {
  const steps = new Map<string, Step>();
  /** The step whose text came last. */
  let latest: string | undefined;
  let incomplete = false;

  /** Takes the text of a step back, if it has any. */
  function withdraw(step: string, { key, offset }: Place, reason: WithdrawalReason): StreamEvent[] {
    const known = steps.get(step);
    if (known?.text === undefined) return [];
    known.text = undefined;
    return [{ v: WIRE_VERSION, key, offset, type: 'withdrawn', data: { step, reason } }];
  }

  return {
    take(at, said) {
      const { key, offset } = at;
      const { step, attempt, seq } = key;
      const before = steps.get(step);
      // Of an attempt that another has replaced; or told twice.
      if (before !== undefined && (attempt < before.attempt || (attempt === before.attempt && seq < before.nextSeq)))
        return [];
      const isNew = before === undefined || attempt > before.attempt;
      const replaced = isNew ? withdraw(step, at, 'new-attempt') : [];
      const state: Step = isNew ? { attempt, nextSeq: 0, text: undefined, broken: false } : before;
      steps.set(step, state);
      const hole = seq > state.nextSeq;
      state.nextSeq = seq + 1;
      const lost: StreamEvent[] = [];
      if (hole) {
        incomplete = true;
        state.broken = true;
        lost.push(...withdraw(step, at, 'incomplete'));
      }
      const events = [...replaced, ...lost];
      if (said.type === 'final') return events;
      if (said.type === 'withdrawn') {
        // Validation speaks of the text that came last; a step, of its own.
        const about = said.data.reason === 'validation-failed' ? latest : step;
        return about === undefined ? events : [...events, ...withdraw(about, at, said.data.reason)];
      }
      if (said.type === 'token') {
        if (state.broken) return events;
        if (said.data.truncated === true) incomplete = true;
        state.text ??= createHash('sha256');
        state.text.update(said.data.text);
        latest = step;
      }
      return [...events, { v: WIRE_VERSION, key, offset, ...said } as StreamEvent];
    },
    close: (at, reason, except) =>
      [...steps.keys()].flatMap((step) => (step === except ? [] : withdraw(step, at, reason))),
    standing(text) {
      const last = latest === undefined ? undefined : steps.get(latest)?.text;
      const same = last?.copy().digest('hex') === createHash('sha256').update(text).digest('hex');
      return same ? latest : undefined;
    },
    get incomplete() {
      return incomplete;
    },
  };
}
