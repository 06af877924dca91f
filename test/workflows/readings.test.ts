// When a question is asked back: it says little, and several documents answer it alike.
import { describe, expect, it } from 'vitest';
import type { Passage } from '../../workflows/protocol/index.ts';
import { readingsOf } from '../../workflows/readings.ts';

const passage = (title: string, coverage: number): Passage => ({
  ...{ id: `${title}#0`, docId: `${title}.md`, title, headings: [], text: '', start: 0, end: 0 },
  ...{ score: 1, coverage, sensitivity: 'public' },
});
const TWO = [passage('Exchanges', 0.8), passage('Refunds of vouchers', 0.79), passage('Shipping', 0.4)];

describe('a short question', () => {
  it('that two documents cover alike can be read in two ways', () => {
    expect(readingsOf('How long does it take?', TWO)).toEqual(['Exchanges', 'Refunds of vouchers']);
  });

  it('that one document covers best has one reading, however many passages of it there are', () => {
    expect(readingsOf('How long does it take?', [passage('Exchanges', 0.9), ...TWO])).toEqual(['Exchanges']);
  });

  it('that names a document is about that', () => {
    expect(readingsOf('How long do refunds of vouchers take?', TWO)).toEqual([]);
    expect(readingsOf('How long does an exchange take?', TWO)).toEqual([]);
  });

  it('has at most four choices, and none without passages', () => {
    expect(
      readingsOf(
        'How long?',
        [...'abcdef'].map((title) => passage(title, 1)),
      ),
    ).toHaveLength(4);
    expect(readingsOf('How long?', [])).toEqual([]);
  });
});

it('a longer question says what it is about', () => {
  expect(readingsOf('How long does it take until the money is back?', TWO)).toEqual([]);
});
