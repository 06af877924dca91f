// What is read of a collection in BEIR's layout, and what is refused, by file and line.
import { describe, expect, it } from 'vitest';
import type { BeirDocument } from '../../evals/beir.ts';
import { readBeir } from '../../evals/beir.ts';
import { useTempFolder } from '../support/temp-folder.ts';
import { beirFolder, SMALL } from './beir-folder.ts';

const temp = useTempFolder();

async function readAll(folder: string, split?: string) {
  const collection = await readBeir(folder, split);
  const documents: BeirDocument[] = [];
  for await (const document of collection.documents()) documents.push(document);
  return { ...collection, documents };
}

describe('a collection in BEIR’s layout', () => {
  it('is read: documents in order, and the queries that were judged', async () => {
    const { documents, queries, judgements, split } = await readAll(beirFolder(temp));
    expect(documents.map(({ id, title }) => [id, title])).toEqual([
      ['refund', 'Refunds'],
      ['parcel', 'Parcels'],
      ['empty', ''],
      ['gift', ''],
    ]);
    expect(queries.map(({ id }) => id)).toEqual(['1', '2', '4', '5']);
    expect([...(judgements.get('1') ?? [])]).toEqual([
      ['refund', 2],
      ['parcel', 1],
    ]);
    expect(split).toBe('test');
  });

  it('is read with a byte order mark, Windows line ends, blank lines, no header and the same judgement twice', async () => {
    const folder = beirFolder(temp, {
      'corpus.jsonl': `\uFEFF${SMALL['corpus.jsonl']?.replaceAll('\n', '\r\n')}\r\n\r\n`,
      'qrels/test.tsv': '1\trefund\t1\r\n1\trefund\t1\r\n',
    });
    const { documents, judgements } = await readAll(folder);
    expect(documents).toHaveLength(4);
    expect([...judgements.keys()]).toEqual(['1']);
  });

  it('keeps a line separator of Unicode inside of a line', async () => {
    const folder = beirFolder(temp, { 'corpus.jsonl': '{"_id": "a", "text": "one\u2028two"}' });
    expect((await readAll(folder)).documents).toEqual([{ id: 'a', title: '', text: 'one\u2028two' }]);
  });

  it('is read with numbers for ids', async () => {
    const folder = beirFolder(temp, {
      'corpus.jsonl': '{"_id": 7, "title": null, "text": "refund"}',
      'queries.jsonl': '{"_id": 1, "text": "refund"}',
      'qrels/test.tsv': '1\t7\t1\n',
    });
    const { documents, queries, judgements } = await readAll(folder);
    expect(documents).toEqual([{ id: '7', title: '', text: 'refund' }]);
    expect(queries).toEqual([{ id: '1', text: 'refund' }]);
    expect(judgements.get('1')?.get('7')).toBe(1);
  });

  it('is read without the queries that are judged and not there, which are counted', async () => {
    const folder = beirFolder(temp, { 'qrels/test.tsv': '1\trefund\t1\n9\trefund\t1\n9\tgift\t1\n' });
    const { judgements, judgedQueriesMissing } = await readAll(folder);
    expect([...judgements.keys()]).toEqual(['1']);
    expect(judgedQueriesMissing).toBe(1);
  });

  it('takes the split that is asked for, or the only one', async () => {
    const qrels = SMALL['qrels/test.tsv'] ?? '';
    const dev = beirFolder(temp, { 'qrels/test.tsv': undefined, 'qrels/dev.tsv': qrels });
    expect((await readAll(dev)).split).toBe('dev');
    const both = beirFolder(temp, { 'qrels/dev.tsv': 'query-id\tcorpus-id\tscore\n2\tgift\t1\n' });
    expect((await readAll(both)).split).toBe('test');
    expect((await readAll(both, 'dev')).queries.map(({ id }) => id)).toEqual(['2']);
    await expect(readBeir(both, 'train')).rejects.toThrow('has no qrels/train.tsv');
  });

  it.each([
    ['corpus.jsonl', '{"_id": "a", "text": "x"}\n{"_id": "b", ', 'corpus.jsonl line 2: not JSON'],
    ['corpus.jsonl', '{"_id": "a", "text": "x"}\n\n{"_id": "b"}', 'corpus.jsonl line 3: text: '],
    ['corpus.jsonl', '{"_id": 7.5, "text": "x"}', 'corpus.jsonl line 1: _id: '],
    ['corpus.jsonl', '{"_id": 7, "text": "x"}\n{"_id": "7", "text": "y"}', 'line 2: document "7" is there twice'],
    ['corpus.jsonl', '{"_id": "a", "text": "x"}\n{"_id": "a", "text": "y"}', 'line 2: document "a" is there twice'],
    ['corpus.jsonl', '\n', 'corpus.jsonl is empty'],
    ['queries.jsonl', '{"_id": "1", "text": "x"}\n{"_id": "1", "text": "y"}', 'line 2: query "1" is there twice'],
    ['queries.jsonl', '["1"]', 'queries.jsonl line 1: the line: '],
    ['queries.jsonl', undefined, 'there is no queries.jsonl'],
    ['corpus.jsonl', undefined, 'there is no corpus.jsonl'],
    ['qrels/test.tsv', 'query-id\tcorpus-id\tscore\n1 refund 1\n', 'test.tsv line 2: expected three fields'],
    ['qrels/test.tsv', '1\t0\trefund\t1\n', 'test.tsv line 1: expected three fields'],
    [
      'qrels/test.tsv',
      'query-id\tcorpus-id\tscore\n1\trefund\t0.5\n',
      'line 2: the score must be a whole number, not "0.5"',
    ],
    ['qrels/test.tsv', '9\trefund\t1\n', 'qrels/test.tsv judges no query that is in queries.jsonl'],
    ['qrels/test.tsv', '1\trefund\t1\n1\trefund\t0\n', 'line 2: query "1" and document "refund" were judged 1 before'],
    ['qrels/test.tsv', 'query-id\tcorpus-id\tscore\n', 'qrels/test.tsv has no judgements'],
    ['qrels/test.tsv', undefined, 'qrels has no .tsv file'],
  ])('is refused when %s is %j', async (name, content, says) => {
    const read = readAll(beirFolder(temp, { [name]: content }));
    await expect(read).rejects.toThrow(says);
    await expect(read).rejects.toMatchObject({ exitCode: 64, hint: expect.any(String) });
  });
});
