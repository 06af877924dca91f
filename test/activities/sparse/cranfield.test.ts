// The encoder's quality on Cranfield, against bm25s at the same settings.
import { describe, expect, it } from 'vitest';
import { needs, readCorpus, sharedData } from '../../support/shared-data.ts';
import { encodeCorpus, meanNdcg, rank } from './in-memory-ranking.ts';

const folder = sharedData('cranfield');

describe.skipIf(folder === undefined)(`encoder on Cranfield${needs('cranfield')}`, () => {
  it('reaches the nDCG@10 of bm25s, .3848', () => {
    const corpus = readCorpus(folder ?? '');
    const encoded = encodeCorpus(corpus.documents);
    const found = meanNdcg(corpus, (question) =>
      rank(encoded, question, 10).map((position) => corpus.documents[position]?.id ?? ''),
    );
    expect(Math.abs(found - 0.3848)).toBeLessThan(0.001);
  });
});
