// A Presidio analyzer for tests, after the contract of its REST API: POST /analyze with text, language, entities and score_threshold gives a
// list of {entity_type, start, end, score, analysis_explanation, recognition_metadata}, offsets in code points. It finds words it was told.
import { createServer } from 'node:http';
import { listen } from './listen.ts';

export interface AnalyzeRequest {
  readonly text: string;
  readonly language: string;
  readonly entities?: readonly string[];
  readonly score_threshold?: number;
}

export interface PresidioStandIn {
  /** Without `/analyze`. */
  readonly url: string;
  readonly requests: readonly AnalyzeRequest[];
  /** Answers the next request so. `hang` never answers. */
  next(answer: { readonly status: number; readonly body: string } | 'hang'): void;
  close(): Promise<void>;
}

/** @param words what it recognises, by the entity it is */
export async function startPresidio(words: Readonly<Record<string, readonly string[]>>): Promise<PresidioStandIn> {
  const requests: AnalyzeRequest[] = [];
  const answers: ({ readonly status: number; readonly body: string } | 'hang')[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Uint8Array[] = [];
    incoming.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    incoming.on('end', () => {
      const answer = answers.shift();
      if (answer === 'hang') return;
      if (answer !== undefined) return void response.writeHead(answer.status).end(answer.body);
      if (incoming.method !== 'POST' || incoming.url !== '/analyze') return void response.writeHead(404).end();
      const request = JSON.parse(Buffer.concat(chunks).toString('utf8')) as AnalyzeRequest;
      requests.push(request);
      if (!request.text || !request.language) {
        return void response.writeHead(500).end(JSON.stringify({ error: 'No text provided' }));
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(analyze(request, words)));
    });
  });
  const { address, close } = await listen(server);
  return {
    url: address,
    requests,
    next: (answer) => void answers.push(answer),
    close,
  };
}

function analyze({ text, entities }: AnalyzeRequest, words: Readonly<Record<string, readonly string[]>>): object[] {
  const points = [...text];
  return Object.entries(words)
    .filter(([entity]) => entities === undefined || entities.includes(entity))
    .flatMap(([entity_type, list]) =>
      list.flatMap((word) => {
        const found: object[] = [];
        const length = [...word].length;
        for (let start = 0; start + length <= points.length; start++) {
          if (points.slice(start, start + length).join('') !== word) continue;
          found.push({
            analysis_explanation: null,
            end: start + length,
            entity_type,
            recognition_metadata: { recognizer_name: 'SpacyRecognizer' },
            score: 0.85,
            start,
          });
        }
        return found;
      }),
    );
}
