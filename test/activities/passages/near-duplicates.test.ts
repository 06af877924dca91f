// Near-duplicates: what repeats is dropped, and what differs in a number or a "not" never is.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dropNearDuplicates } from '../../../activities/passages/near-duplicates.ts';

const RULE =
  'Opened headphones may be sent back within 14 days of delivery, when the box and the cables are in it. ' +
  'The refund is paid to the card that was used, and takes five working days at most. Shipping is not paid back.';

const of = (...texts: readonly string[]) => dropNearDuplicates(texts.map((text) => ({ text, stale: false })));

describe('a near-duplicate', () => {
  it.each([
    ['the same text', RULE],
    ['in other cases and punctuation', RULE.toUpperCase().replaceAll(',', ' –').replaceAll('. ', '!\n\n')],
    ['with Markdown around words', RULE.replace('Opened headphones', '**Opened headphones**')],
    ['cut at its end', RULE.slice(0, -' Shipping is not paid back.'.length).concat(' Shipping is not')],
    ['inside a longer one of the same figures', `${RULE} Ask the desk when anything in here is unclear to you.`],
    ['with one word exchanged', RULE.replace('the cables', 'all cables')],
  ])('is dropped: %s', (_, other) => {
    expect(of(RULE, other)).toEqual({ kept: [0], dropped: [{ index: 1, of: 0 }] });
  });

  it.each([
    ['another number', RULE.replace('14 days', '30 days')],
    ['a number more', `${RULE} Version 2.`],
    ['a "not" taken away', RULE.replace('is not paid', 'is paid')],
    ['a "not" put in', RULE.replace('may be', 'may not be')],
    ["a contraction that denies: don't", RULE.replace('and takes', "and don't take it as it takes")],
    [
      'another subject in half of it',
      RULE.replace('The refund is paid to the card that was used', 'A voucher for the shop is sent to you by mail'),
    ],
    ['nothing in common', 'Cards are kept by the bank.'],
  ])('is not one that has %s', (_, other) => {
    expect(of(RULE, other)).toEqual({ kept: [0, 1], dropped: [] });
  });

  it('gives its place to one that still holds', () => {
    const found = dropNearDuplicates([
      { text: 'Something else entirely is here.', stale: false },
      { text: RULE, stale: true },
      { text: RULE, stale: false },
      { text: RULE, stale: true },
    ]);
    expect(found).toEqual({
      kept: [0, 2],
      dropped: [
        { index: 1, of: 2 },
        { index: 3, of: 2 },
      ],
    });
  });

  it('is told in a text too short for a shingle', () => {
    expect(of('Refunds', 'refunds!', 'Returns').kept).toEqual([0, 2]);
  });
});

it('keeps or drops each text, names only kept ones, and changes no order', () => {
  const word = fc.constantFrom('refund', 'card', 'not', '14', '30', 'box', 'within', 'days', 'paid', 'desk');
  const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(' '));
  fc.assert(
    fc.property(fc.array(fc.record({ text, stale: fc.boolean() }), { maxLength: 12 }), (texts) => {
      const { kept, dropped } = dropNearDuplicates(texts);
      const all = [...kept, ...dropped.map(({ index }) => index)].sort((a, b) => a - b);
      expect(all).toEqual(texts.map((_, index) => index));
      const figures = (index: number): string => (texts[index]?.text.match(/not|\d+/g) ?? []).sort().join(' ');
      for (const { index, of: other } of dropped) {
        expect(figures(index)).toBe(figures(other));
      }
      const fresh = texts.filter(({ stale }) => !stale).map((_, index) => index);
      if (fresh.length === texts.length) {
        for (const { of: other } of dropped) expect(kept).toContain(other);
        expect([...kept]).toEqual([...kept].sort((a, b) => a - b));
      }
    }),
    { numRuns: 500 },
  );
});
