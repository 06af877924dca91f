// Writes a small collection in BEIR's layout, for tests.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TempFolder } from '../support/temp-folder.ts';

export const SMALL: Readonly<Record<string, string>> = {
  'corpus.jsonl': [
    '{"_id": "refund", "title": "Refunds", "text": "A refund is paid within fourteen days."}',
    '{"_id": "parcel", "title": "Parcels", "text": "A parcel takes three days. Lost parcels are refunded."}',
    '{"_id": "empty", "title": "", "text": ""}',
    '{"_id": "gift", "text": "Gift cards are valid for two years.", "metadata": {}}',
  ].join('\n'),
  'queries.jsonl': [
    '{"_id": "1", "text": "When is a refund paid?"}',
    '{"_id": "2", "text": "gift card validity"}',
    '{"_id": "3", "text": "nobody judged this"}',
    '{"_id": "4", "text": "zebra"}',
    '{"_id": "5", "text": "lost parcel"}',
  ].join('\n'),
  'qrels/test.tsv': 'query-id\tcorpus-id\tscore\n1\trefund\t2\n1\tparcel\t1\n2\tgift\t1\n4\tgone\t1\n5\tparcel\t0\n',
};

/** @returns its path */
export function beirFolder(temp: TempFolder, change: Readonly<Record<string, string | undefined>> = {}): string {
  const folder = mkdtempSync(temp.file('beir-'));
  mkdirSync(join(folder, 'qrels'));
  for (const [name, content] of Object.entries({ ...SMALL, ...change })) {
    if (content !== undefined) writeFileSync(join(folder, name), content);
  }
  return folder;
}
