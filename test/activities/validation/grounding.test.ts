// The grounding score: what it takes for support, what pulls it down, and how long it takes.
import { describe, expect, it } from 'vitest';
import type { Grounding } from '../../../activities/validation/grounding.ts';
import {
  groundingOf,
  prepareGrounds,
  preparingGrounds,
  scoringGrounding,
} from '../../../activities/validation/grounding.ts';

const PASSAGES = [
  'Refunds are paid within 14 days after Nordwind GmbH received the parcel on 12 March 2021. Standard delivery takes 5 days, express delivery takes 24 hours.',
  'The shop in Hamburg is not open on Sundays. Some customers may return opened items. Norway beat Sweden in the final. Order A-1009 was sent to Paris from Rome.',
];
const grounds = prepareGrounds(PASSAGES);
const of = (claim: string): Grounding => groundingOf(claim, grounds);
const kinds = (claim: string): string[] => of(claim).reasons.map(({ kind }) => kind);

describe('what is supported', () => {
  it('has 1 for what stands there word for word, however it is formatted', () => {
    expect(of('Refunds are paid within 14 days.')).toMatchObject({ score: 1, weakest: 1, passage: 0, reasons: [] });
    expect(of('- **the shop in Hamburg** is  not\nopen on _Sundays_')).toMatchObject({
      score: 1,
      weakest: 1,
      passage: 1,
      reasons: [],
    });
  });

  it.each([
    ['a number in words', 'Refunds are paid within fourteen days.'],
    ['the same time in another unit', 'Refunds are paid within two weeks.'],
    ['one day for 24 hours', 'Express delivery takes one day.'],
    ['a date in another order', 'Nordwind GmbH received the parcel on March 12, 2021.'],
    ['a date in figures', 'The parcel was received on 2021-03-12.'],
    ['another order of the clauses', 'On Sundays the Hamburg shop is not open.'],
    ['the passive voice', 'Sweden was beaten by Norway in the final.'],
    ['an opening', 'Sure! According to the document, refunds are paid within 14 days.'],
    ['an announcement', 'Here is what I found: Refunds are paid within 14 days.'],
    ['a citation', 'Refunds are paid within 14 days [1].'],
    ['no more than', 'Standard delivery takes no more than 5 days.'],
  ])('sees it through %s', (_what, claim) => {
    const { score, reasons } = of(claim);
    expect(score).toBeGreaterThan(0.6);
    expect(reasons).toEqual([]);
  });

  it('is found in whichever passage has it, and in several', () => {
    expect(of('Norway beat Sweden.').passage).toBe(1);
    const both = of('Refunds are paid within 14 days. The shop in Hamburg is not open on Sundays.');
    expect(both.score).toBe(1);
  });

  it('is taken from initials and from who comes from where', () => {
    const about = prepareGrounds([
      'The World Health Organization warned of malaria. It was founded by French doctors.',
    ]);
    expect(groundingOf('WHO warned of malaria.', about).score).toBeGreaterThan(0.7);
    expect(groundingOf('It was founded by doctors from France.', about).score).toBeGreaterThan(0.7);
  });
});

describe('what is not', () => {
  it.each([
    ['number', 'Refunds are paid within 21 days.'],
    ['number', 'Refunds are paid within 14 hours.'],
    ['number', 'Order A-1009 was sent to Paris for 30 euros.'],
    ['date', 'Nordwind GmbH received the parcel on March 13, 2021.'],
    ['date', 'Nordwind GmbH received the parcel in 2022.'],
    ['name', 'The shop in Berlin is not open on Sundays.'],
    ['name', 'Order A-1010 was sent to Paris from Rome.'],
    ['negation', 'The shop in Hamburg is open on Sundays.'],
    ['negation', 'Norway did not beat Sweden in the final.'],
    ['swap', 'Sweden beat Norway in the final.'],
    ['swap', 'Order A-1009 was sent to Rome from Paris.'],
    ['quantifier', 'All customers may return opened items.'],
    ['quantifier', 'Some customers must return opened items.'],
    ['antonym', 'Refunds are paid before Nordwind GmbH received the parcel.'],
    ['antonym', 'Some customers may return unopened items.'],
    ['overlap', 'Gift cards are valid for ever and can be given away.'],
  ])('is told as %s: %s', (kind, claim) => {
    expect(kinds(claim)).toContain(kind);
    expect(of(claim).score).toBeLessThan(0.65);
  });

  it('scores less with each detail that is added', () => {
    const scores = [
      'Standard delivery takes 5 days.',
      'Standard delivery takes 5 days with a local courier.',
      'Standard delivery takes 5 days with a local courier who rings twice.',
    ].map((claim) => of(claim).score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(new Set(scores).size).toBe(3);
  });

  it('weighs most in a claim of several sentences where it is least supported', () => {
    const right = 'Refunds are paid within 14 days. Standard delivery takes 5 days.';
    const half = of(`${right} Gift cards are valid for ever.`);
    expect(half.score).toBeLessThan((2 * of(right).score + of('Gift cards are valid for ever.').score) / 3);
    expect(half.reasons.map(({ sentence }) => sentence)).toEqual(half.reasons.map(() => 2));
  });

  it('is everything that a speaker says of themselves, unless somebody speaks in the passages, too', () => {
    expect(kinds('I love Hamburg.')).toContain('speaker');
    expect(groundingOf('I love Hamburg.', prepareGrounds(['I love Hamburg, the mayor said.'])).score).toBe(1);
  });

  it.each([
    '',
    '   ',
    'Sure, here is what I found:',
    'What would you like to know?',
    'Let me know if you need more.',
    '👍',
  ])('asserts nothing, and has a low score and no passage: "%s"', (claim) => {
    expect(of(claim)).toMatchObject({
      score: 0.2,
      weakest: null,
      sentences: 0,
      passage: null,
      reasons: [{ kind: 'nothing-asserted', sentence: 0 }],
    });
  });

  it('has no support in no passages', () => {
    expect(groundingOf('Refunds are paid within 14 days.', prepareGrounds([]))).toMatchObject({
      score: 0,
      passage: null,
    });
    expect(groundingOf('Refunds are paid within 14 days.', prepareGrounds(['', ' ']))).toMatchObject({
      score: 0,
      passage: null,
    });
  });

  it('is repeated short and cleaned, and at most twenty times', () => {
    const { reasons } = of(`The <b>Ignore${'x'.repeat(300)}</b> shop in Hamburg is not open. `.repeat(40));
    expect(reasons).toHaveLength(20);
    for (const { what } of reasons) if (what !== undefined) expect(what).toMatch(/^[\p{L}\p{N}.,:/'-]{1,24}$/u);
  });
});

describe('other languages', () => {
  it.each([
    [
      'Die Erstattung wird innerhalb von 14 Tagen gezahlt. Der Laden in Hamburg ist sonntags geschlossen.',
      'Die Erstattung wird in 14 Tagen gezahlt.',
      'Gutscheine gelten drei Jahre lang.',
    ],
    [
      'Возврат выплачивается в течение 14 дней. Магазин закрыт по воскресеньям.',
      'Возврат выплачивается через 14 дней.',
      'Подарочные карты действуют вечно.',
    ],
    ['退款将在十四天内支付。商店星期日不营业。', '退款在十四天内支付。', '礼品卡永远有效。'],
    [
      'يتم دفع المبالغ المستردة خلال 14 يومًا. المتجر مغلق يوم الأحد.',
      'يتم دفع المبالغ خلال 14 يومًا.',
      'بطاقات الهدايا صالحة إلى الأبد.',
    ],
  ])('fall back to overlap: %s', (text, right, wrong) => {
    const foreign = prepareGrounds([text]);
    expect(groundingOf(right, foreign).score).toBeGreaterThan(groundingOf(wrong, foreign).score + 0.3);
  });
});

describe('its work', () => {
  const TEXT = `${PASSAGES.join(' ')} `;
  /** Steps of the work: each is small, so their number is its length. */
  const stepsOf = (claim: string, texts: readonly string[]): number => {
    let steps = 0;
    const preparing = preparingGrounds(texts);
    let prepared = preparing.next();
    for (; prepared.done !== true; prepared = preparing.next()) steps += 1;
    const scoring = scoringGrounding(claim, prepared.value);
    for (let scored = scoring.next(); scored.done !== true; scored = scoring.next()) steps += 1;
    return steps;
  };

  it('may be interrupted often, in proportion to claim and passages', () => {
    const [one, eight] = [8, 64].map((times) => stepsOf(TEXT.repeat(times), [TEXT.repeat(times)]));
    expect(one).toBeGreaterThan(8);
    expect(eight).toBeLessThan((one ?? 0) * 10);
  });

  it('gets done with a claim of 200 KB over passages of 1 MB, and with what is written to be slow', () => {
    const claim = TEXT.repeat(200_000 / TEXT.length);
    const texts = Array.from({ length: 5 }, () => TEXT.repeat(200_000 / TEXT.length));
    expect(groundingOf(claim, prepareGrounds(texts)).score).toBe(1);
    for (const slow of ['a', '. ', '1-', "a'", '14 ', 'not open ', 'Mr. ', 'A.', '\n', '[1', '漢', 'Paris Rome ']) {
      const long = slow.repeat(40_000 / slow.length);
      const { score } = groundingOf(long, prepareGrounds([long]));
      expect(score, slow).toBeGreaterThanOrEqual(0);
      expect(score, slow).toBeLessThanOrEqual(1);
    }
  });
});
