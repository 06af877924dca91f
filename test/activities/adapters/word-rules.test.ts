// Moderation by words: the contract of the port, what counts as the same word, and that long texts take no longer than their length.
import { describe, expect, it } from 'vitest';
import type { WordRule, WordRulesOptions } from '../../../activities/adapters/word-rules.ts';
import { createWordRules } from '../../../activities/adapters/word-rules.ts';
import { growth, repeated } from '../../support/linear.ts';
import { FLAGGED_WORDS, moderationContract } from '../ports/moderation.contract.ts';

const { signal } = new AbortController();

moderationContract(async () => ({
  moderation: createWordRules(Object.entries(FLAGGED_WORDS).map(([category, words]) => ({ category, words }))),
  async [Symbol.asyncDispose]() {},
}));

const RULES: readonly WordRule[] = [
  { category: 'slurs', words: ['crétin', 'complete idiot'] },
  { category: 'medicine', words: ['viagra', 'sleeping pill'], score: 0.4 },
  { category: 'weapons', words: ['枪支', 'assault rifle of war'] },
];

const moderate = async (text: string, options?: WordRulesOptions) => {
  const [result] = await createWordRules(RULES, options).moderate([text], signal);
  return result;
};
const flagged = async (text: string, options?: WordRulesOptions): Promise<boolean | undefined> =>
  (await moderate(text, options))?.flagged;

describe('a word is found', () => {
  it.each([
    ['in other case', 'CRÉTIN!'],
    ['without its accents', 'cretin'],
    ['with accents of another form', 'cre\u0301tin'],
    ['in full-width letters', 'ｖｉａｇｒａ'],
    ['with characters of no width', 'via\u200bgr\u00ada'],
    ['between marks', '"(viagra)".'],
    ['as a phrase', 'You complete idiot'],
    ['as a phrase with something else between its words', 'complete,\n\n*idiot*'],
    ['as a phrase after its own beginning', 'complete complete idiot'],
    ['in a script without spaces', '购买枪支弹药'],
  ])('%s', async (_, text) => {
    expect(await flagged(text)).toBe(true);
  });

  it.each([
    ['in a longer word', 'viagranol concretine'],
    ['of a phrase alone', 'complete set, idiot proof'],
    ['of a phrase in other order', 'idiot complete'],
    ['of a phrase with another word between', 'complete utter idiot'],
    ['in other letters, unless it is asked for', 'v1agr4'],
  ])('but not %s', async (_, text) => {
    expect(await flagged(text)).toBe(false);
  });

  it.each(['v1agr4', 'V!AGRA', 'vi@gra', 'viagr4!', 'c0mp1ete 1d10t', 'crétin'])(
    'as %s, if it is asked for',
    async (text) => {
      expect(await flagged(text, { leetspeak: true })).toBe(true);
    },
  );

  it.each(['Hello! 1 of 5 items at $4.', 'help@mail.example', 'complete 100 tasks!'])(
    'but nothing in %j',
    async (text) => {
      expect(await flagged(text, { leetspeak: true })).toBe(false);
    },
  );
});

describe('a category', () => {
  it('scores as its rule has it, and no more for more words', async () => {
    expect(await moderate('viagra, viagra and a sleeping pill for a complete idiot')).toEqual({
      flagged: true,
      categories: [
        { name: 'slurs', score: 1 },
        { name: 'medicine', score: 0.4 },
        { name: 'weapons', score: 0 },
      ],
    });
  });

  it.each<readonly [string, WordRule, RegExp]>([
    ['a phrase without words', { category: 'a', words: ['?!'] }, /1 to 12 words/],
    ['a phrase of too many words', { category: 'a', words: ['w '.repeat(13)] }, /1 to 12 words/],
    ['a score of nothing', { category: 'a', words: ['b'], score: 0 }, /more than 0/],
    ['a score above 1', { category: 'a', words: ['b'], score: 1.1 }, /at most 1/],
    ['a score that is none', { category: 'a', words: ['b'], score: Number.NaN }, /more than 0/],
  ])('of a list with %s is refused', (_, rule, says) => {
    expect(() => createWordRules([rule])).toThrow(says);
  });

  it('is called free, since nothing is sent or paid', () => {
    expect(createWordRules(RULES, { label: 'house rules' })).toMatchObject({ label: 'house rules', free: true });
  });
});

describe('work grows with the length of the text', () => {
  const rules = createWordRules([...RULES, { category: 'a', words: ['a a a a a a a a a a a b', 'a'] }], {
    leetspeak: true,
  });
  it.each(['a ', 'viagra ', 'a', '枪', '\u0301', '!', '1!', 'complete '])('of %j', async (piece) => {
    const work = async (text: string) => await rules.moderate([text], signal);
    expect(await growth(repeated(piece), work)).toBeLessThanOrEqual(3);
  });
});
