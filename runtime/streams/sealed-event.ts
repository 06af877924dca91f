// What an event says, sealed under the key of its run: type and data, bound to where it stands. Pure but for randomness.
import type { StreamData, StreamEventType, StreamKey } from '../../workflows/protocol/index.ts';
import { open, seal } from '../keys/index.ts';

/** Type and data of one event, or of an end that says no more than that there is one: the reply is the run's own result. */
export type Said =
  | {
      readonly [Type in Exclude<StreamEventType, 'final' | 'withdrawn'>]: { type: Type; data: StreamData[Type] };
    }[Exclude<StreamEventType, 'final' | 'withdrawn'>]
  | { readonly type: 'withdrawn'; readonly data: { readonly reason: StreamData['withdrawn']['reason'] } }
  | { readonly type: 'final'; readonly data: Record<string, never> };

const contextOf = ({ run, step, attempt, seq }: StreamKey): string => `stream:${run}:${step}:${attempt}:${seq}`;

export function sealEvent(runKey: Uint8Array, key: StreamKey, said: Said): Uint8Array {
  return seal(runKey, contextOf(key), Buffer.from(JSON.stringify(said)));
}

/** @throws Error when it was not sealed for this place under this key */
export function openEvent(runKey: Uint8Array, key: StreamKey, sealed: Uint8Array): Said {
  return JSON.parse(open(runKey, contextOf(key), sealed).toString('utf8')) as Said;
}
