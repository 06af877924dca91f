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

  it('is what a longer and better ranked text holds, and never a longer one of a shorter', () => {
    const longer = `${RULE} Ask the desk when anything in here is unclear to you, or call the shop before noon.`;
    expect(of(longer, RULE)).toEqual({ kept: [0], dropped: [{ index: 1, of: 0 }] });
    expect(of(RULE, longer)).toEqual({ kept: [0, 1], dropped: [] });
    expect(of('Opened headphones', RULE).kept).toEqual([0, 1]);
    expect(of('Opened headphones may', RULE, 'headphones may be').kept).toEqual([0, 1]);
  });

  it.each([
    [
      'German',
      'nicht ',
      'Kunden haben bei geöffneter Ware Anspruch auf Erstattung des Kaufpreises binnen vierzehn Tagen nach der Rückgabe im Laden.',
      'haben ',
    ],
    [
      'French',
      'pas ',
      'Les clients ont droit au remboursement du prix payé pour les articles ouverts dans les quatorze jours suivant le retour.',
      'ont ',
    ],
    [
      'Dutch',
      'niet ',
      'Klanten hebben bij geopende artikelen recht op terugbetaling van de aankoopprijs binnen veertien dagen na de retourzending.',
      'hebben ',
    ],
    [
      'Swedish',
      'inte ',
      'Kunder har vid öppnade varor rätt till återbetalning av köpesumman inom fjorton dagar efter att varan har lämnats tillbaka.',
      'har ',
    ],
  ])('is not one that %s turns round', (_, negation, rule, after) => {
    const turned = rule.replace(after, `${after}${negation}`);
    expect(of(rule, turned).kept).toEqual([0, 1]);
    expect(of(turned, rule).kept).toEqual([0, 1]);
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

  it('is named as one of what is kept in the end', () => {
    const texts = [true, true, false].map((stale) => ({ text: RULE, stale }));
    expect(dropNearDuplicates(texts)).toEqual({
      kept: [2],
      dropped: [
        { index: 0, of: 2 },
        { index: 1, of: 2 },
      ],
    });
  });

  it('that still holds is kept beside a longer one that does not', () => {
    const longer = `${RULE} Ask the desk when anything in here is unclear to you, or call the shop before noon.`;
    expect(
      dropNearDuplicates([
        { text: longer, stale: true },
        { text: RULE, stale: false },
      ]).kept,
    ).toEqual([0, 1]);
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
      for (const { of: other } of dropped) expect(kept).toContain(other);
      const figures = (index: number): string[] => texts[index]?.text.match(/not|\d+/g) ?? [];
      for (const { index, of: other } of dropped) {
        const left = figures(other);
        for (const figure of figures(index)) {
          expect(left).toContain(figure);
        }
      }
      const fresh = texts.filter(({ stale }) => !stale).map((_, index) => index);
      if (fresh.length === texts.length) {
        expect([...kept]).toEqual([...kept].sort((a, b) => a - b));
      }
    }),
    { numRuns: 500 },
  );
});
