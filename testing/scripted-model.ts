// A model for tests: says what was scripted for a task, turn by turn, and throws on anything else. No network, no clock.
import { ApplicationFailure } from '@temporalio/common';
import type { Model, ModelReply, ModelRequest } from '../activities/ports/model.ts';
import type { FinishReason } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';

export interface ScriptedCall {
  readonly tool: string;
  readonly args: unknown;
}

export interface ScriptedReply {
  readonly text?: string;
  /** Tools it asks for; then the text is what it says beside. */
  readonly calls?: readonly ScriptedCall[];
  /** @default 'tool-calls' with calls, else 'stop' */
  readonly finishReason?: FinishReason;
  /** @default 10 */
  readonly inputTokens?: number;
  /** @default 5 */
  readonly outputTokens?: number;
}

/** A text is a reply without calls. A function sees what the model would see. */
export type ScriptedTurn =
  | string
  | ScriptedReply
  | ((request: ModelRequest) => string | ScriptedReply | Promise<string | ScriptedReply>);

export interface ScriptedModel extends Model {
  /** Every request so far, in order of arrival. */
  readonly requests: readonly ModelRequest[];
  /** Scripts another conversation, or one anew. */
  script(task: string, turns: readonly ScriptedTurn[]): void;
  /** @throws Error naming each task with turns that were never asked for */
  assertAllUsed(): void;
}

/**
 * Give it to `createWorker({ models: { NAME: model } })`, NAME being the model's name in the release's manifest. Which turn of a
 * conversation comes next is read from the prompt, so that a retried or replayed step gets the same one again.
 *
 * @param conversations by the task, or question, that begins each
 */
export function scriptedModel(conversations: Readonly<Record<string, readonly ScriptedTurn[]>> = {}): ScriptedModel {
  const scripts = new Map(Object.entries(conversations));
  const used = new Map<string, number>();
  const requests: ModelRequest[] = [];
  return {
    label: 'testing/scripted',
    free: true,
    requests,
    script: (task, turns) => void scripts.set(task, turns),
    async call(request) {
      requests.push(request);
      const task = taskOf(request);
      const index = request.prompt.messages.filter((message) => message.role === 'assistant').length;
      const turn = scripts.get(task)?.[index];
      if (turn === undefined) throw unscripted(task, index, scripts);
      used.set(task, Math.max(used.get(task) ?? 0, index + 1));
      return toReply(typeof turn === 'function' ? await turn(request) : turn, index);
    },
    assertAllUsed() {
      const left = [...scripts].filter(([task, turns]) => (used.get(task) ?? 0) < turns.length);
      if (left.length === 0) return;
      const list = left.map(([task, turns]) => `${task} (${used.get(task) ?? 0} of ${turns.length} turns)`);
      throw new Error(`The scripted model was not asked for everything: ${list.join('; ')}`);
    },
  };
}

function taskOf({ prompt }: ModelRequest): string {
  const parts = prompt.messages.flatMap((message) => message.parts);
  return parts.findLast((part) => part.origin === 'user')?.text ?? '';
}

function toReply(turn: string | ScriptedReply, index: number): ModelReply {
  const {
    text = '',
    calls = [],
    finishReason,
    inputTokens = 10,
    outputTokens = 5,
  } = typeof turn === 'string' ? { text: turn } : turn;
  return {
    text,
    finishReason: finishReason ?? (calls.length > 0 ? 'tool-calls' : 'stop'),
    toolCalls: calls.map(({ tool, args }, i) => ({ id: `call-${index + 1}-${i + 1}`, tool, args })),
    usage: { inputTokens, outputTokens, cachedTokens: 0 },
  };
}

function unscripted(task: string, index: number, scripts: ReadonlyMap<string, unknown>): ApplicationFailure {
  const known = scripts.has(task)
    ? `turn ${index + 1} of it is not scripted`
    : `scripted are: ${[...scripts.keys()].join('; ')}`;
  return ApplicationFailure.nonRetryable(
    `Nobody scripted a reply to "${task.slice(0, 200)}": ${known}`,
    Failure.ModelNotScripted,
  );
}
