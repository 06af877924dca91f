// Reading a draft: paragraphs, citations, quotes.
import { describe, expect, it } from 'vitest';
import * as draft from '../../../activities/validation/parse-draft.ts';

const citationNumbers = (text: string) => [...draft.citationNumbers(text)];
const paragraphsOf = (text: string) => [...draft.paragraphsOf(text)];
const quotesOf = (text: string) => [...draft.quotesOf(text)].filter((quote) => quote !== undefined);

describe('citations', () => {
  it('are numbers in square brackets, in order, with repeats', () => {
    expect(citationNumbers('One [2]. Two [1][3], three [2].')).toEqual([2, 1, 3, 2]);
  });

  it('are not other things in brackets', () => {
    expect(citationNumbers('[a] [1a] [-1] [1.5] (3) [] [12345] 5]')).toEqual([]);
  });

  it('keep numbers that no passage can have, for the check to refuse', () => {
    expect(citationNumbers('[0] [007] [999]')).toEqual([0, 7, 999]);
  });
});

describe('paragraphs', () => {
  it('are parted by empty lines, also by lines of white space only', () => {
    expect(paragraphsOf('\n\none\nstill one\n \t\n two \n\n\n')).toEqual(['one\nstill one', 'two']);
  });

  it('are none in an empty draft', () => {
    expect(paragraphsOf(' \n\n ')).toEqual([]);
  });
});

describe('quotes', () => {
  it('belong to the citations that follow them, over punctuation and white space', () => {
    expect(quotesOf('It says "three words here." [2], [3] and "other three words" [1].')).toEqual([
      { text: 'three words here.', citations: [2, 3] },
      { text: 'other three words', citations: [1] },
    ]);
  });

  it('have no citations when words stand between', () => {
    expect(quotesOf('"three words here" says the page [2].')).toEqual([{ text: 'three words here', citations: [] }]);
  });

  it.each(['"three words here"', '“three words here”', '„three words here“', '„three words here”'])(
    'may stand in %s',
    (quoted) => {
      expect(quotesOf(`${quoted} [1]`)).toEqual([{ text: 'three words here', citations: [1] }]);
    },
  );

  it('of one or two words are quotes when they hold a figure', () => {
    expect(quotesOf('It costs "€12.90" [1].')).toEqual([{ text: '€12.90', citations: [1] }]);
  });

  it('of fewer than three words are words that are named, not quotes', () => {
    expect(quotesOf('The status "packed" [1], or "not packed" [1].')).toEqual([]);
  });
});
