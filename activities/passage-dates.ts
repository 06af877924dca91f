// What the ledger says of the documents of found passages: how long they hold, how old they are, where they came from.
import type { Database } from '../runtime/database.ts';
import type { Passage } from '../workflows/protocol/index.ts';

export type DocumentDates = Pick<Passage, 'validUntil' | 'updatedAt' | 'sourceUrl' | 'stale'>;

export interface DatesQuery {
  readonly tenant: string;
  readonly generation: string;
  readonly docIds: readonly string[];
}

/** By document id; nothing for one of which nothing was said. */
export type ReadDates = (query: DatesQuery) => Promise<ReadonlyMap<string, DocumentDates>>;

/** Generations remembered as having none at all; then the memory starts anew. */
const MAX_REMEMBERED = 1000;

interface DatesRow {
  readonly doc_id: string;
  readonly valid_until: Date | null;
  readonly updated_at: Date | null;
  readonly source_url: string | null;
  readonly stale: boolean | null;
}

/** One statement; none for a generation that is known to say nothing of its documents: it never changes. */
export function createDates(db: Database): ReadDates {
  const silent = new Set<string>();
  return async ({ tenant, generation, docIds }) => {
    const key = `${tenant}/${generation}`;
    if (docIds.length === 0 || silent.has(key)) return new Map();
    const rows = await db.of(tenant)<(DatesRow & { any: boolean })[]>`
      select said.any, d.doc_id, d.valid_until, d.updated_at, d.source_url, d.valid_until <= now() as stale
      from (select exists (select from generation_documents
          where tenant = ${tenant} and generation = ${generation}
            and (valid_until is not null or updated_at is not null or source_url is not null)) as any) said
        left join generation_documents d on said.any and d.tenant = ${tenant} and d.generation = ${generation}
          and d.doc_id = any(${[...docIds]}::text[])`;
    if (rows[0]?.any === false) {
      if (silent.size >= MAX_REMEMBERED) silent.clear();
      silent.add(key);
      return new Map();
    }
    return new Map(rows.map((row) => [row.doc_id, datesOf(row)]));
  };
}

const datesOf = ({ valid_until, updated_at, source_url, stale }: DatesRow): DocumentDates => ({
  ...(valid_until !== null && { validUntil: valid_until.toISOString() }),
  ...(updated_at !== null && { updatedAt: updated_at.toISOString() }),
  ...(source_url !== null && { sourceUrl: source_url }),
  ...(stale === true && { stale: true as const }),
});
