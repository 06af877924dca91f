// Quotes word for word: what folding takes for the same and what it must not, and that no word or figure is cut.
import { describe, expect, it } from 'vitest';
import { fold, holdsWhole } from '../../../activities/validation/verbatim.ts';

describe('folding', () => {
  it.each([
    ['a no-break space', '5 to\u00a07 days', '5 to 7 days'],
    ['curly quotes', 'the shop’s ‘own’ “price”', "the shop's 'own' \"price\""],
    ['dashes', '5–7 days — or 5‑7', '5-7 days - or 5-7'],
    ['bold and code', '**30 days** from `delivery`', '30 days from delivery'],
    ['line breaks and tabs', 'within\n  30\tdays', 'within 30 days'],
    ['ligatures and full-width digits', 'ﬁrst ３０ days', 'first 30 days'],
    ['decomposed letters', 'cafe\u0301', 'café'],
    ['case', 'Within 30 Days', 'within 30 days'],
  ])('folds %s', (_, one, other) => {
    expect(fold(one).flat).toBe(fold(other).flat);
  });

  it.each([
    ['a digit', '30 days', '31 days'],
    ['a decimal point', '€12.90', '€1290'],
    ['a decimal comma', '1,5', '1.5'],
    ['a currency', '€400', '$400'],
    ['a minus sign', '-5 degrees', '5 degrees'],
    ['a negation', 'can be returned', 'cannot be returned'],
    ['a percent sign', '15%', '15'],
    ['an accent', 'resume', 'résumé'],
  ])('keeps %s apart', (_, one, other) => {
    expect(fold(one).flat).not.toBe(fold(other).flat);
  });
});

describe('a span is held whole', () => {
  it.each([
    ['at the start', 'you can return', 'you can return it'],
    ['at the end', 'return it', 'you can return it'],
    ['before punctuation', 'costs €12.90', 'it costs €12.90, or more'],
    ['with its own full stop', 'costs €12.90.', 'it costs €12.90. ask us'],
    ['in brackets', 'within 30 days', 'return it (within 30 days)'],
    ['in its second place', 'is not an item', 'this is not an items list; it is not an item'],
    ['in a script of another kind', 'возврат в течение', 'ваш возврат в течение 30 дней'],
  ])('%s', (_, span, text) => {
    expect(holdsWhole(fold(text), fold(span))).toBe(true);
  });

  it.each([
    ['in a longer number', 'above €40', 'above €400 it goes to review'],
    ['in a number with thousands', 'above €1', 'above €1,000 it goes to review'],
    ['in a number with decimals', 'costs €12', 'it costs €12.90'],
    ['behind a decimal point', '90 for a parcel', 'it costs €12.90 for a parcel'],
    ['without its minus sign', '5 degrees outside', 'it is -5 degrees outside'],
    ['without its percent sign', 'a fee of 15', 'there is a fee of 15% today'],
    ['in a range', '7 business days', 'it takes 5-7 business days'],
    ['without its negation', 'these items can', "these items can't be returned"],
    ['without its prefix', 'returnable items are', 'non-returnable items are listed'],
    ['in a longer word', 'able items are', 'returnable items are listed'],
    ['in a word with an accent', 'the caf', 'the café opens'],
  ])('not %s', (_, span, text) => {
    expect(holdsWhole(fold(text), fold(span))).toBe(false);
  });
});
