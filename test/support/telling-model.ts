// A model that tells its text when a test says so: for streams that are watched while they come.
import type { Model, ModelReply, ModelRequest } from '../../activities/ports/model.ts';

export interface Told {
  readonly request: ModelRequest;
  /** Tells a piece of the text. */
  tell(delta: string): void;
  /** Ends the call. @default what was told, as a whole answer */
  end(reply?: Partial<ModelReply>): void;
  fail(error: Error): void;
}

export interface TellingModel extends Model {
  /** The next call with this question that was not taken yet, once it has come. */
  asked(question: string): Promise<Told>;
}

export function tellingModel(): TellingModel {
  const came = new Map<string, Told[]>();
  const waiting = new Map<string, ((told: Told) => void)[]>();
  return {
    label: 'testing/telling',
    free: true,
    asked: async (question) =>
      came.get(question)?.shift() ??
      (await new Promise((resolve) => waiting.set(question, [...(waiting.get(question) ?? []), resolve]))),
    async call(request) {
      return await new Promise<ModelReply>((resolve, reject) => {
        let text = '';
        const told: Told = {
          request,
          tell(delta) {
            text += delta;
            request.onText?.(delta);
          },
          end: (reply = {}) =>
            resolve({
              text,
              finishReason: 'stop',
              usage: { inputTokens: 1, outputTokens: 1, cachedTokens: 0 },
              ...reply,
            }),
          fail: reject,
        };
        request.signal.addEventListener('abort', () => reject(request.signal.reason), { once: true });
        const parts = request.prompt.messages.flatMap((message) => message.parts);
        const question = parts.findLast((part) => part.origin === 'user')?.text ?? '';
        const next = waiting.get(question)?.shift();
        if (next !== undefined) next(told);
        else came.set(question, [...(came.get(question) ?? []), told]);
      });
    },
  };
}
