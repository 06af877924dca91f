// How many passages fit into the smallest context of a release's models, whole ones only. Pure.
import { ApplicationFailure } from '@temporalio/common';
import type { ReleaseBody } from '../releases/release.ts';
import { modelsOf } from '../releases/release.ts';
import type { Prompt } from '../workflows/protocol/index.ts';
import { estimatePromptTokens, estimateTokens, Failure } from '../workflows/protocol/index.ts';

/** Tokens are estimated: models count differently. */
const MARGIN = 1.1;

/**
 * @param passages texts, by rank
 * @param rest makes the prompt without them; not called where no model says how much it reads
 * @returns how many of the passages go into the prompt: the worst are left out first
 * @throws ApplicationFailure ModelContextExceeded, non-retryable, when the rest does not fit, or not even the best passage beside it
 */
export function passagesThatFit(body: ReleaseBody, passages: readonly string[], rest: () => Prompt): number {
  const contexts = modelsOf(body).flatMap(({ contextTokens }) => contextTokens ?? []);
  if (contexts.length === 0) return passages.length;
  const context = Math.min(...contexts);
  const tools = (body.tools ?? []).reduce((sum, { definition }) => sum + estimateTokens(JSON.stringify(definition)), 0);
  const used = estimatePromptTokens(rest()) + tools;
  let room = Math.floor((context - body.maxOutputTokens) / MARGIN) - used;
  let fitting = 0;
  for (const text of passages) {
    room -= estimateTokens(text) + FENCE_TOKENS;
    if (room < 0) break;
    fitting += 1;
  }
  if (room >= 0 || fitting > 0) return fitting;
  const what = passages.length === 0 ? 'The prompt' : 'The prompt without any passage';
  throw ApplicationFailure.nonRetryable(
    `${what} has about ${used} tokens, which leaves too little of a context of ${context} with ${body.maxOutputTokens} kept for the reply. ` +
      'Shorten the question or the conversation, lower max_output_tokens or top_k, or name a model that reads more.',
    Failure.ModelContextExceeded,
  );
}

/** What stands around a passage in the prompt. */
const FENCE_TOKENS = 12;
