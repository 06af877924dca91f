// Puts hidden values back into what a model wrote: into its text what the policy gives back to the requester, into arguments everything but
// secrets, since people must see and approve the real value.
import { open, seal } from '../../runtime/keys/index.ts';
import type { DetectedKind, ToolCall } from '../../workflows/protocol/index.ts';
import type { TokenKind, Tokens } from './tokens.ts';
import { restoreJson, restoreText, tokensIn } from './tokens.ts';

export interface Written {
  readonly text: string;
  readonly toolCalls?: readonly ToolCall[];
}

export function restoreReply<Reply extends Written>(
  reply: Reply,
  tokens: Tokens,
  restored: readonly DetectedKind[],
): Reply {
  const shown = (kind: TokenKind): boolean => kind === 'text' || (kind !== 'secret' && restored.includes(kind));
  const usable = (kind: TokenKind): boolean => kind !== 'secret';
  const text = restoreText(reply.text, tokens, shown);
  if (reply.toolCalls === undefined) return { ...reply, text };
  const toolCalls = reply.toolCalls.map((call) => ({ ...call, args: restoreJson(call.args, tokens, usable) }));
  return { ...reply, text, toolCalls };
}

/** For `validate`: what the tokens that are left in a text stand for, sealed under the run's key. `undefined` without any. */
export function sealWithheld(runKey: Uint8Array, stepPath: string, text: string, tokens: Tokens): string | undefined {
  const left = tokensIn(text).flatMap((token): [string, string][] => {
    const hidden = tokens.get(token);
    return hidden === undefined || hidden.kind === 'text' ? [] : [[token, hidden.value]];
  });
  if (left.length === 0) return undefined;
  return seal(runKey, contextOf(stepPath), Buffer.from(JSON.stringify(left))).toString('base64');
}

/** @returns values and their tokens, the longest value first @throws Error when it was not sealed for this step of this run */
export function openWithheld(
  runKey: Uint8Array,
  stepPath: string,
  sealed: string,
): readonly [token: string, value: string][] {
  const bytes = open(runKey, contextOf(stepPath), Buffer.from(sealed, 'base64'));
  const left = JSON.parse(bytes.toString('utf8')) as [string, string][];
  return left.sort(([, a], [, b]) => b.length - a.length);
}

const contextOf = (stepPath: string): string => `withheld:${stepPath}`;
