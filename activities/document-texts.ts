// Texts that were made of files of other formats, kept in the ledger by the hash of the file: made once for all generations that have it.
import type { Sql } from '../runtime/database.ts';
import type { Digest } from '../workflows/protocol/index.ts';
import type { ExtractedFormat } from './reading/formats.ts';
import { extractorId } from './reading/formats.ts';

export interface DocumentText {
  readonly text: string;
  /** As the file says it; empty when it does not. */
  readonly title: string;
}

export const textKey = (contentHash: Digest, format: ExtractedFormat): string =>
  `${contentHash}/${extractorId(format)}`;

export async function findText(sql: Sql, tenant: string, key: string): Promise<DocumentText | undefined> {
  const [row] = await sql<DocumentText[]>`
    select text, title from document_texts where tenant = ${tenant} and key = ${key}`;
  return row;
}

/** Two ingests that make the same text at once keep one. */
export async function keepText(sql: Sql, tenant: string, key: string, { text, title }: DocumentText): Promise<void> {
  await sql`insert into document_texts (tenant, key, text, title) values (${tenant}, ${key}, ${text}, ${title})
    on conflict do nothing`;
}
