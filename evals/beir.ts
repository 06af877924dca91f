// Reads a test collection in BEIR's layout: corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv. What cannot be read is refused,
// by file and line. The corpus is streamed: it may be larger than memory.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../runtime/errors.ts';
import type { Line } from './lines.ts';
import { linesOf, malformedLine, parsedLine } from './lines.ts';
import type { Judgements } from './metrics.ts';

export interface BeirDocument {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

export interface BeirQuery {
  readonly id: string;
  readonly text: string;
}

export interface BeirCollection {
  /** Name of the judgements' file without its ending. */
  readonly split: string;
  /** The queries that have judgements, in the order of their file. */
  readonly queries: readonly BeirQuery[];
  /** By query id; never empty. Of the queries that there are. */
  readonly judgements: ReadonlyMap<string, Judgements>;
  /** Queries that have judgements and are not in queries.jsonl: nobody can ask them, and they do not count. */
  readonly judgedQueriesMissing: number;
  /** Reads the corpus from its beginning, each time it is called. @throws UserError */
  documents(): AsyncIterable<BeirDocument>;
}

/** Many files have numbers; judgements name them by their digits. */
const id = z.union([z.string().min(1), z.int().transform(String)]);
const documentSchema = z.object({ _id: id, title: z.string().nullish(), text: z.string() });
const querySchema = z.object({ _id: id, text: z.string() });

const FIELDS =
  'A line of corpus.jsonl is {"_id", "title", "text"}, of queries.jsonl {"_id", "text"}, of qrels/*.tsv: query, document, score.';

/**
 * Queries and judgements of a folder, read at once. The corpus is read by `documents`.
 *
 * @param split which file of qrels/ @default test, or the only one there is
 * @throws UserError with file and line for what is missing, malformed or there twice
 */
export async function readBeir(folder: string, split?: string): Promise<BeirCollection> {
  const chosen = splitOf(folder, split);
  for (const name of ['corpus.jsonl', 'queries.jsonl']) {
    if (!existsSync(join(folder, name))) throw notBeir(folder, `there is no ${name}`);
  }
  const all = new Map<string, BeirQuery>();
  for await (const line of linesOf(join(folder, 'queries.jsonl'))) {
    const { _id, text } = parsedLine(line, querySchema, FIELDS);
    if (all.has(_id)) throw malformed(line, `query ${JSON.stringify(_id)} is there twice`);
    all.set(_id, { id: _id, text });
  }
  const name = `qrels/${chosen}.tsv`;
  const judged = await readJudgements(folder, name);
  const judgements = new Map([...judged].filter(([query]) => all.has(query)));
  if (judgements.size === 0) throw notBeir(folder, `${name} judges no query that is in queries.jsonl`);
  return {
    split: chosen,
    queries: [...all.values()].filter((query) => judgements.has(query.id)),
    judgements,
    judgedQueriesMissing: judged.size - judgements.size,
    documents: () => documentsOf(folder),
  };
}

async function* documentsOf(folder: string): AsyncGenerator<BeirDocument> {
  const seen = new Set<string>();
  for await (const line of linesOf(join(folder, 'corpus.jsonl'))) {
    const { _id, title, text } = parsedLine(line, documentSchema, FIELDS);
    if (seen.has(_id)) throw malformed(line, `document ${JSON.stringify(_id)} is there twice`);
    seen.add(_id);
    yield { id: _id, title: title ?? '', text };
  }
  if (seen.size === 0) throw notBeir(folder, 'corpus.jsonl is empty');
}

async function readJudgements(folder: string, name: string): Promise<ReadonlyMap<string, Judgements>> {
  const judgements = new Map<string, Map<string, number>>();
  let first = true;
  for await (const line of linesOf(join(folder, name))) {
    const fields = line.text.split('\t');
    const [query = '', document = '', grade = ''] = fields;
    const isHeader = first && fields.length === 3 && !/\d/.test(grade);
    first = false;
    if (isHeader) continue;
    if (fields.length !== 3 || query === '' || document === '') {
      throw malformed(line, 'expected three fields between tabs: query-id, corpus-id, score');
    }
    if (!/^[+-]?\d+$/.test(grade)) throw malformed(line, `the score must be a whole number, not ${quoted(grade)}`);
    const known = judgements.get(query) ?? new Map<string, number>();
    const before = known.get(document);
    if (before !== undefined && before !== Number(grade)) {
      throw malformed(line, `query ${quoted(query)} and document ${quoted(document)} were judged ${before} before`);
    }
    judgements.set(query, known.set(document, Number(grade)));
  }
  if (judgements.size === 0) throw notBeir(folder, `${name} has no judgements`);
  return judgements;
}

function splitOf(folder: string, asked: string | undefined): string {
  const directory = join(folder, 'qrels');
  if (!existsSync(directory)) throw notBeir(folder, 'there is no folder qrels');
  const splits = readdirSync(directory)
    .filter((name) => name.endsWith('.tsv'))
    .map((name) => name.slice(0, -'.tsv'.length))
    .sort();
  const wanted = asked ?? (splits.length === 1 ? splits[0] : 'test');
  if (wanted !== undefined && splits.includes(wanted)) return wanted;
  if (splits.length === 0) throw notBeir(folder, 'qrels has no .tsv file');
  throw new UserError(`${folder} has no qrels/${wanted}.tsv`, {
    hint: `There are: ${splits.join(', ')}. Name one with --split.`,
    exitCode: 64,
  });
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 100));

const malformed = (line: Line, what: string): UserError => malformedLine(line, what, FIELDS);

function notBeir(folder: string, what: string): UserError {
  return new UserError(`${folder} is not a collection in BEIR's layout: ${what}`, {
    hint: 'It has corpus.jsonl, queries.jsonl and qrels/test.tsv.',
    exitCode: 64,
  });
}
