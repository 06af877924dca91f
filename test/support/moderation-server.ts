// A moderation endpoint for tests, strict about OpenAI's contract: POST /v1/moderations with {model, input: [texts]} alone gives {id, model, results: [{flagged,
// categories, category_scores}]}. It flags the words it was told, and answers nothing that was not asked so.
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { listen } from './listen.ts';

export interface ModerationServer extends AsyncDisposable {
  /** Ending in `/v1`. */
  readonly url: string;
  readonly requests: readonly { readonly headers: IncomingHttpHeaders; readonly body: unknown }[];
  /** What was asked against the contract; tests expect none. */
  readonly violations: readonly string[];
  /** Answers the next request so, once. */
  next(answer: ModerationAnswer): void;
}

export type ModerationAnswer =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** Rewrites the answer that it would have given. */
  | ((answer: ModerationBody) => unknown)
  | 'hang'
  | 'reset';

export interface ModerationBody {
  readonly id: string;
  readonly model: string;
  readonly results: readonly {
    readonly flagged: boolean;
    readonly categories: Readonly<Record<string, boolean>>;
    readonly category_scores: Readonly<Record<string, number>>;
  }[];
}

/** @param words by category; @param apiKey is demanded */
export async function startModeration(
  words: Readonly<Record<string, readonly string[]>>,
  apiKey?: string,
): Promise<ModerationServer> {
  const requests: { headers: IncomingHttpHeaders; body: unknown }[] = [];
  const violations: string[] = [];
  const answers: ModerationAnswer[] = [];
  const server = createServer((incoming, response) => {
    json(incoming)
      .then((body) => {
        requests.push({ headers: incoming.headers, body });
        const problem = problemOf(incoming.method, incoming.url, incoming.headers, body, apiKey);
        if (problem !== undefined) {
          violations.push(problem);
          return void response.writeHead(problem === 'key' ? 401 : 400).end();
        }
        const how = answers.shift();
        if (how === 'hang') return;
        if (how === 'reset') return void response.socket?.resetAndDestroy();
        if (typeof how === 'object') return void response.writeHead(how.status, how.headers).end(how.body);
        const answer = answerTo(body as Asked, words);
        const sent = how === undefined ? answer : how(answer);
        const text = typeof sent === 'string' ? sent : JSON.stringify(sent);
        response.writeHead(200, { 'content-type': 'application/json' }).end(text);
      })
      .catch(() => response.destroy());
  });
  const { address, close } = await listen(server);
  return {
    url: `${address}/v1`,
    requests,
    violations,
    next: (answer) => void answers.push(answer),
    [Symbol.asyncDispose]: close,
  };
}

interface Asked {
  readonly model: string;
  readonly input: readonly string[];
}

function problemOf(
  method: string | undefined,
  url: string | undefined,
  headers: IncomingHttpHeaders,
  body: unknown,
  apiKey: string | undefined,
): string | undefined {
  if (method !== 'POST' || url !== '/v1/moderations') return `${method} ${url}`;
  if (apiKey !== undefined && headers.authorization !== `Bearer ${apiKey}`) return 'key';
  if (headers['content-type'] !== 'application/json') return 'content-type';
  const { model, input, ...rest } = (body ?? {}) as Partial<Asked>;
  if (typeof model !== 'string' || model === '' || Object.keys(rest).length > 0) return 'members';
  const texts = Array.isArray(input) ? input : [];
  return texts.length > 0 && texts.every((text) => typeof text === 'string') ? undefined : 'input';
}

function answerTo({ model, input }: Asked, words: Readonly<Record<string, readonly string[]>>): ModerationBody {
  const results = input.map((text) => {
    const found = Object.entries(words).map(([name, list]): [string, boolean] => [
      name,
      list.some((word) =>
        text
          .toLowerCase()
          .split(/[^\p{L}]+/u)
          .includes(word),
      ),
    ]);
    return {
      flagged: found.some(([, is]) => is),
      categories: Object.fromEntries(found),
      category_scores: Object.fromEntries(found.map(([name, is]) => [name, is ? 0.9 : 0.1])),
    };
  });
  return { id: 'modr-1', model, results };
}
