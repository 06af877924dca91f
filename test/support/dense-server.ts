// An embedding and reranking endpoint for tests: OpenAI's /v1/embeddings and the /v1/rerank that Cohere, Jina and vLLM have, over real HTTP on a
// loopback port. Its vectors are hashed bags of words with a few synonyms: NO REAL EMBEDDING, but texts with the same words are near
// one another, and so are texts with words that were declared to mean the same.
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { listen } from './listen.ts';

export interface DenseRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: DenseBody;
}

interface DenseBody {
  readonly model: string;
  readonly input?: readonly string[];
  readonly dimensions?: number;
  readonly query?: string;
  readonly documents?: readonly string[];
  readonly top_n?: number;
}

/** An HTTP answer as it is, or one of a server that misbehaves. */
export type Misbehaviour =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** Rewrites the answer that it would have given. */
  | ((answer: never) => unknown)
  | 'hang'
  | 'reset'
  /** Sends on until the caller hangs up. */
  | 'endless';

export interface DenseServer extends AsyncDisposable {
  /** Ending in `/v1`. */
  readonly url: string;
  readonly requests: readonly DenseRequest[];
  /** Texts that were embedded, in order. */
  readonly texts: readonly string[];
  /** What the next requests get instead of an answer, one each. */
  misbehave(...how: readonly Misbehaviour[]): void;
  /** From now on every request to a path that begins so; `undefined`: no longer. */
  always(path: '/v1/embeddings' | '/v1/rerank', how: Misbehaviour | undefined): void;
  close(): Promise<void>;
}

export interface DenseServerOptions {
  /** @default 256 */
  readonly dimensions?: number;
  /** Words that count as another one: `{ reimbursement: 'refund' }`. */
  readonly synonyms?: Readonly<Record<string, string>>;
}

export async function startDenseServer(options: DenseServerOptions = {}): Promise<DenseServer> {
  const { dimensions = 256, synonyms = {} } = options;
  const requests: DenseRequest[] = [];
  const texts: string[] = [];
  const queue: Misbehaviour[] = [];
  const lasting = new Map<string, Misbehaviour>();
  const wordsOf = (text: string): string[] =>
    (text.toLowerCase().match(/[a-z0-9]+/g) ?? []).map((word) => synonyms[word] ?? word);
  const vectorOf = (text: string): number[] => {
    const vector = new Array<number>(dimensions).fill(0);
    for (const word of wordsOf(text)) {
      const at = createHash('sha256').update(word).digest().readUInt32LE(0) % dimensions;
      vector[at] = (vector[at] ?? 0) + 1;
    }
    return vector;
  };
  /** Share of the question's words that the document has. */
  const scoreOf = (query: string, document: string): number => {
    const asked = new Set(wordsOf(query));
    const has = new Set(wordsOf(document));
    return [...asked].filter((word) => has.has(word)).length / Math.max(1, asked.size);
  };

  const answerTo = ({ path, body }: DenseRequest): object | undefined => {
    if (path === '/v1/embeddings') {
      const input = body.input ?? [];
      texts.push(...input);
      return {
        object: 'list',
        model: body.model,
        data: input.map((text, index) => ({ object: 'embedding', index, embedding: vectorOf(text) })),
        usage: { prompt_tokens: tokensOf(input), total_tokens: tokensOf(input) },
      };
    }
    if (path === '/v1/rerank') {
      const { query = '', documents = [], top_n = documents.length } = body;
      const results = documents.map((text, index) => ({ index, relevance_score: scoreOf(query, text) }));
      results.sort((a, b) => b.relevance_score - a.relevance_score);
      return { results: results.slice(0, top_n), usage: { total_tokens: tokensOf([query, ...documents]) } };
    }
    return undefined;
  };

  const answer = (request: DenseRequest, response: ServerResponse): void => {
    const how = queue.shift() ?? lasting.get(request.path);
    if (how === 'hang') return;
    if (how === 'reset') return void response.socket?.resetAndDestroy();
    if (how === 'endless') return void sendWithoutEnd(response);
    if (typeof how === 'object') return void response.writeHead(how.status, how.headers).end(how.body);
    const given = answerTo(request);
    if (given === undefined) return void response.writeHead(404).end();
    const sent = how === undefined ? given : (how as (answer: object) => unknown)(given);
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(typeof sent === 'string' ? sent : JSON.stringify(sent));
  };

  const server = createServer((incoming, response) => {
    read(incoming)
      .then((request) => {
        requests.push(request);
        answer(request, response);
      })
      .catch(() => response.destroy());
  });
  const { address, close } = await listen(server);
  return {
    url: `${address}/v1`,
    requests,
    texts,
    misbehave: (...how) => void queue.push(...how),
    always(path, how) {
      if (how === undefined) lasting.delete(path);
      else lasting.set(path, how);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** As good as any: four characters. */
const tokensOf = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + Math.ceil(text.length / 4), 0);

function sendWithoutEnd(response: ServerResponse): void {
  const chunk = Buffer.alloc(64 * 1024, ' ');
  response.writeHead(200, { 'content-type': 'application/json' });
  response.on('error', () => {});
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}

async function read(incoming: IncomingMessage): Promise<DenseRequest> {
  const { url = '', headers } = incoming;
  return { path: url, headers, body: (await json(incoming)) as DenseBody };
}
