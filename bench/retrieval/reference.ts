// bm25s, the reference: run by a Python that has it. Nothing of the engine needs it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Bm25Settings } from '../../activities/sparse/bm25.ts';

const SCRIPT = fileURLToPath(new URL('./reference.py', import.meta.url));

const tokens = z.array(z.string());
const resultSchema = z.object({
  version: z.string(),
  /** Of the Python that ran it. */
  unicode: z.string(),
  /** For each query: positions in the corpus, best first. */
  rankings: z.array(z.array(z.int())),
  /** Tokenising and indexing the corpus. */
  indexMs: z.number(),
  /** Each query, tokenised and asked for 10. */
  searchMs: z.array(z.number()),
  /** Of the corpus, then of the queries. */
  tokens: z.array(tokens),
  /** `null` for a text with characters that this Python's Unicode does not have. */
  extra: z.array(tokens.nullable()),
});

export type ReferenceResult = z.infer<typeof resultSchema>;

export interface ReferenceJob extends Bm25Settings {
  readonly corpus: readonly string[];
  readonly queries: readonly string[];
  /** Texts whose tokens are asked for and nothing else. */
  readonly extra: readonly string[];
  /** Documents ranked for each query. */
  readonly depth: number;
}

/** Whether this Python can import bm25s and its stemmer. */
export const hasReference = (python: string): boolean =>
  spawnSync(python, ['-c', 'import bm25s, Stemmer'], { stdio: 'ignore' }).status === 0;

export async function runReference(python: string, job: ReferenceJob): Promise<ReferenceResult> {
  const child = spawn(python, [SCRIPT], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  child.stdin.end(JSON.stringify(job));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  if (child.exitCode !== 0) throw new Error(`bm25s failed: ${stderr.trim().split('\n').at(-1)}`);
  return resultSchema.parse(JSON.parse(stdout));
}
