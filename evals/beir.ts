// Reads a test collection in BEIR's layout: corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv. What cannot be read is refused,
// by file and line. The corpus is streamed: it may be larger than memory.
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../runtime/errors.ts';
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
  /** By query id; never empty. */
  readonly judgements: ReadonlyMap<string, Judgements>;
  /** Reads the corpus from its beginning, each time it is called. @throws UserError */
  documents(): AsyncIterable<BeirDocument>;
}

const id = z.string().min(1);
const documentSchema = z.object({ _id: id, title: z.string().nullish(), text: z.string() });
const querySchema = z.object({ _id: id, text: z.string() });

interface Line {
  readonly text: string;
  /** `FILE line N`. */
  readonly place: string;
}

/**
 * Queries and judgements of a folder, read at once. The corpus is read by `documents`.
 *
 * @param split which file of qrels/ @default test, or the only one there is
 * @throws UserError with file and line for what is missing, malformed, there twice or pointing nowhere
 */
export async function readBeir(folder: string, split?: string): Promise<BeirCollection> {
  const chosen = splitOf(folder, split);
  for (const name of ['corpus.jsonl', 'queries.jsonl']) {
    if (!existsSync(join(folder, name))) throw notBeir(folder, `there is no ${name}`);
  }
  const all = new Map<string, BeirQuery>();
  for await (const line of linesOf(folder, 'queries.jsonl')) {
    const { _id, text } = parsed(line, querySchema);
    if (all.has(_id)) throw malformed(line, `query ${JSON.stringify(_id)} is there twice`);
    all.set(_id, { id: _id, text });
  }
  const judgements = await readJudgements(folder, `qrels/${chosen}.tsv`, all);
  const queries = [...all.values()].filter((query) => judgements.has(query.id));
  return { split: chosen, queries, judgements, documents: () => documentsOf(folder) };
}

async function* documentsOf(folder: string): AsyncGenerator<BeirDocument> {
  const seen = new Set<string>();
  for await (const line of linesOf(folder, 'corpus.jsonl')) {
    const { _id, title, text } = parsed(line, documentSchema);
    if (seen.has(_id)) throw malformed(line, `document ${JSON.stringify(_id)} is there twice`);
    seen.add(_id);
    yield { id: _id, title: title ?? '', text };
  }
  if (seen.size === 0) throw notBeir(folder, 'corpus.jsonl is empty');
}

async function readJudgements(
  folder: string,
  name: string,
  queries: ReadonlyMap<string, BeirQuery>,
): Promise<ReadonlyMap<string, Judgements>> {
  const judgements = new Map<string, Map<string, number>>();
  let first = true;
  for await (const line of linesOf(folder, name)) {
    const fields = line.text.split('\t');
    const [query = '', document = '', grade = ''] = fields;
    const isHeader = first && fields.length === 3 && !/\d/.test(grade);
    first = false;
    if (isHeader) continue;
    if (fields.length !== 3 || query === '' || document === '') {
      throw malformed(line, 'expected three fields between tabs: query-id, corpus-id, score');
    }
    if (!/^[+-]?\d+$/.test(grade)) throw malformed(line, `the score must be a whole number, not ${quoted(grade)}`);
    if (!queries.has(query)) throw malformed(line, `query ${quoted(query)} is not in queries.jsonl`);
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

/**
 * Lines that are not blank, without a byte order mark and the carriage returns of Windows. Split by hand: readline would also
 * split at U+2028, which may stand in JSON.
 */
async function* linesOf(folder: string, name: string): AsyncGenerator<Line> {
  const path = join(folder, name);
  let number = 0;
  const lineOf = (raw: string): Line => {
    number += 1;
    const text = number === 1 ? raw.replace(/^\uFEFF/, '') : raw;
    return { text: text.replace(/\r$/, ''), place: `${path} line ${number}` };
  };
  let rest = '';
  for await (const chunk of chunksOf(path)) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.map(lineOf)) if (line.text.trim() !== '') yield line;
  }
  const last = lineOf(rest);
  if (last.text.trim() !== '') yield last;
}

async function* chunksOf(path: string): AsyncGenerator<string> {
  try {
    yield* createReadStream(path, 'utf8') as AsyncIterable<string>;
  } catch (cause) {
    throw new UserError(`Cannot read ${path}`, { cause, exitCode: 64 });
  }
}

function parsed<Output>(line: Line, schema: z.ZodType<Output>): Output {
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch (cause) {
    throw malformed(line, 'not JSON', cause);
  }
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw malformed(line, `${issue?.path.join('.') || 'the line'}: ${issue?.message}`);
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 100));

function malformed({ place }: Line, what: string, cause?: unknown): UserError {
  return new UserError(`${place}: ${what}`, {
    hint: 'A line of corpus.jsonl is {"_id", "title", "text"}, of queries.jsonl {"_id", "text"}, of qrels/*.tsv: query, document, score.',
    exitCode: 64,
    ...(cause !== undefined && { cause }),
  });
}

function notBeir(folder: string, what: string): UserError {
  return new UserError(`${folder} is not a collection in BEIR's layout: ${what}`, {
    hint: 'It has corpus.jsonl, queries.jsonl and qrels/test.tsv.',
    exitCode: 64,
  });
}
