// Test data that lies beside the repository, in ../shared/data; tests that need it are skipped by name elsewhere.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CheckRequest } from './openapi-check.ts';
import { createOpenApiCheck } from './openapi-check.ts';

/** Path of a file or folder of shared/data, or `undefined` where there is none. */
export function sharedData(name: string): string | undefined {
  const path = fileURLToPath(new URL(`../../../shared/data/${name}`, import.meta.url));
  return existsSync(path) ? path : undefined;
}

/** To be put into the name of a test that is skipped. */
export const needs = (name: string): string =>
  sharedData(name) === undefined ? ` (skipped: no shared/data/${name})` : '';

export function qdrantCheck(): CheckRequest | undefined {
  const path = sharedData('qdrant-openapi.json');
  return path === undefined ? undefined : createOpenApiCheck(path);
}

export interface Corpus {
  readonly documents: readonly { readonly id: string; readonly text: string }[];
  readonly queries: readonly { readonly id: string; readonly text: string }[];
  /** Relevance by query id, then by document id. */
  readonly judgements: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** A corpus in BEIR's layout; the text of a document is its title, a space and its text. */
export function readCorpus(folder: string): Corpus {
  const lines = (name: string): string[] => readFileSync(`${folder}/${name}`, 'utf8').trim().split('\n');
  const parsed = (name: string): { _id: string; title?: string; text: string }[] =>
    lines(name).map((line) => JSON.parse(line) as { _id: string; title?: string; text: string });
  const judgements = new Map<string, Map<string, number>>();
  for (const line of lines('qrels/test.tsv').slice(1)) {
    const [query = '', document = '', score = '0'] = line.split('\t');
    const known = judgements.get(query) ?? new Map<string, number>();
    judgements.set(query, known.set(document, Number(score)));
  }
  return {
    documents: parsed('corpus.jsonl').map(({ _id, title = '', text }) => ({ id: _id, text: `${title} ${text}` })),
    queries: parsed('queries.jsonl').map(({ _id, text }) => ({ id: _id, text })),
    judgements,
  };
}
