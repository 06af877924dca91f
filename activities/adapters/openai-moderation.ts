// Any endpoint that speaks OpenAI's moderations: POST {model, input} → {results: [{flagged, categories, category_scores}]}. Fails closed: an answer that is
// not one result a text, each with a score for each category, is none.
import { z } from 'zod';
import type { Moderated, Moderation } from '../ports/moderation.ts';
import { byScore, requireFew } from '../ports/moderation.ts';
import { failureOfLibrary, modelFetch, wrongReply } from './model-fetch.ts';

export interface OpenAiModerationOptions {
  /** With its version: `https://models.example/v1`. */
  readonly baseUrl: string;
  readonly model: string;
  readonly apiKey?: string;
  /** @default 10000 */
  readonly timeoutMs?: number;
}

/** A result has some two kilobytes. */
const MAX_BYTES = 1024 * 1024;
const MAX_CATEGORIES = 200;

const answerSchema = z.object({
  results: z.array(
    z.object({
      flagged: z.boolean(),
      // Some endpoints leave out what they do not look for by `null`.
      categories: z.record(z.string(), z.boolean().nullable()),
      category_scores: z.record(z.string(), z.number().min(0).max(1).nullable()),
    }),
  ),
});
type Result = z.infer<typeof answerSchema>['results'][number];

export function createOpenAiModeration(options: OpenAiModerationOptions): Moderation {
  const { baseUrl, model, apiKey, timeoutMs = 10_000 } = options;
  const label = `openai-compatible/${model}`;
  const send = modelFetch({ label, timeoutMs, maxBytes: MAX_BYTES });
  const url = `${baseUrl.replace(/\/+$/, '')}/moderations`;
  const ask = async (input: readonly string[], signal: AbortSignal): Promise<readonly Result[]> => {
    const response = await send(url, {
      method: 'POST',
      signal,
      headers: {
        'content-type': 'application/json',
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify({ model, input }),
    });
    return answerSchema.parse(await response.json()).results;
  };
  return {
    label,
    free: false,
    async moderate(texts, signal) {
      requireFew(label, texts);
      signal.throwIfAborted();
      if (texts.length === 0) return [];
      const results = await ask(texts, signal).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : failureOfLibrary(label, error, 'a moderation of each text');
      });
      if (results.length !== texts.length) {
        throw wrongReply(label, `judged ${results.length} of ${texts.length} texts`);
      }
      return results.map((result) => moderatedOf(label, result));
    },
  };
}

function moderatedOf(label: string, { flagged, categories, category_scores: scores }: Result): Moderated {
  const named = Object.entries(scores).flatMap(([name, score]) => (score === null ? [] : [{ name, score }]));
  if (named.length === 0 || named.length > MAX_CATEGORIES) {
    throw wrongReply(label, `scored ${named.length} categories for a text`);
  }
  // A category that is true flags the text, whatever else is said.
  return { flagged: flagged || Object.values(categories).includes(true), categories: byScore(named) };
}
