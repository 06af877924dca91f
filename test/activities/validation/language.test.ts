// The language of an answer beside that of its question: told where it can be told, and left open where not.
import { beforeAll, describe, expect, it } from 'vitest';
import type { CheckLanguage } from '../../../activities/validation/language.ts';
import { loadLanguageCheck } from '../../../activities/validation/language.ts';
import { growth, repeated } from '../../support/linear.ts';
import { SENTENCES } from './language-sentences.ts';

let check: CheckLanguage;
beforeAll(async () => {
  check = await loadLanguageCheck();
});

type Outcome = 'right' | 'wrong' | 'undecided';
const outcomeOf = (question: string, answer: string): Outcome => {
  const { passed, score } = check(question, answer);
  return passed ? (score === null ? 'undecided' : 'right') : 'wrong';
};

const NEAR = [
  ['da', 'no', 'sv'],
  ['es', 'pt'],
];
const areNear = (one: string, other: string): boolean =>
  one !== other && NEAR.some((group) => group.includes(one) && group.includes(other));
const pairsOf = (sentences: readonly string[]): string[] =>
  sentences.slice(1).map((sentence, i) => `${sentences[i]} ${sentence}`);

describe('answers of two sentences to a short question in twelve languages', () => {
  const outcomes = (wanted: (asked: string, said: string) => boolean): Outcome[] =>
    Object.entries(SENTENCES).flatMap(([asked, [, question]]) =>
      Object.entries(SENTENCES)
        .filter(([said]) => wanted(asked, said))
        .flatMap(([, sentences]) => pairsOf(sentences).map((answer) => outcomeOf(question, answer))),
    );
  const share = (found: readonly Outcome[], outcome: Outcome): number =>
    found.filter((each) => each === outcome).length / found.length;

  it('pass where they are in its language, without one that is refused', () => {
    const found = outcomes((asked, said) => asked === said);
    process.stdout.write(`same language: ${found.length}, right ${share(found, 'right').toFixed(3)}\n`);
    expect(share(found, 'wrong')).toBe(0);
    expect(share(found, 'right')).toBeGreaterThan(0.95);
  });

  it('fail where they are in another', () => {
    const found = outcomes((asked, said) => asked !== said && !areNear(asked, said));
    process.stdout.write(`other languages: ${found.length}, wrong ${share(found, 'wrong').toFixed(3)}\n`);
    expect(share(found, 'right')).toBe(0);
    expect(share(found, 'wrong')).toBeGreaterThan(0.97);
  });

  it('are left open where the languages are near', () => {
    const found = outcomes(areNear);
    process.stdout.write(`near languages: ${found.length}, undecided ${share(found, 'undecided').toFixed(3)}\n`);
    expect(share(found, 'wrong')).toBe(0);
  });
});

const QUESTION = 'How long can I return an item after the delivery?';
const GERMAN = 'Sie können den Artikel innerhalb von dreißig Tagen nach der Lieferung zurückgeben.';
const ENGLISH = 'You can return the item within thirty days of its delivery, with the receipt.';

describe('the check', () => {
  it('says which languages they are, and how well the right one fits', () => {
    const { score, ...rest } = check(QUESTION, GERMAN);
    expect(rest).toEqual({
      name: 'same-language',
      passed: false,
      threshold: 0.86,
      reason: 'the question is in English, and the answer in German',
    });
    expect(score).toBeLessThan(0.86);
    expect(check(QUESTION, ENGLISH)).toMatchObject({ passed: true, score: 1 });
  });

  it.each([
    ['Cyrillic', 'Вы можете вернуть товар в течение тридцати дней.'],
    ['Chinese or Japanese', '您可以在收货后三十天内退回商品，并附上收据。'],
    ['Arabic', 'يمكنك إرجاع المنتج خلال ثلاثين يوما من التسليم.'],
  ])('tells an answer in %s script from an English question', (script, answer) => {
    expect(check(QUESTION, answer)).toMatchObject({
      passed: false,
      score: 0,
      reason: `the question is in Latin script, and the answer in ${script}`,
    });
  });

  it('tells languages of one script apart that is not Latin', () => {
    const asked = '商品を受け取ってから何日以内に返品できますか。';
    expect(outcomeOf(asked, '商品は三十日以内であれば、領収書とともに返品することができます。')).not.toBe('wrong');
    expect(outcomeOf('退款需要多长时间？请告诉我具体的天数。', ENGLISH)).toBe('wrong');
  });

  it.each([
    ['a quote in the language of the documents', `The documents say: "${GERMAN} ${GERMAN}" [1]. ${ENGLISH}`],
    ['a quote in other marks', `The documents say: „${GERMAN} ${GERMAN}“ [1]. ${ENGLISH}`],
    ['a quoted paragraph', `${ENGLISH}\n\n> ${GERMAN}\n> ${GERMAN}\n> ${GERMAN}`],
    ['a block of code', `${ENGLISH}\n\n\`\`\`\n${GERMAN} ${GERMAN}\n\`\`\`\n`],
  ])('does not count %s', (_, answer) => {
    expect(outcomeOf(QUESTION, answer)).toBe('right');
  });

  it('counts the words around a quote', () => {
    expect(outcomeOf(QUESTION, `${GERMAN} "You can return it" [1]. ${GERMAN}`)).toBe('wrong');
  });

  it.each([
    ['a short question', 'Refund?', GERMAN],
    ['a name for a question', 'iPhone 15 Pro Max', 'Вы можете вернуть товар в течение тридцати дней.'],
    ['a short answer', QUESTION, 'Dreißig Tage.'],
    ['a figure', QUESTION, '€ 12.90'],
    ['code', QUESTION, '{"a":[1,2,3],"b":{"c":"d"},"e":[{"f":1},{"g":2},{"h":3}]} == {"i":0}'],
    ['quotes alone', QUESTION, `"${GERMAN}" [1] "${GERMAN}" [2]`],
    ['nothing', QUESTION, ''],
  ])('leaves open %s', (_, question, answer) => {
    expect(check(question, answer)).toMatchObject({ passed: true, score: null });
    expect(check(question, answer).reason).toMatch(/^its language was not compared: /);
  });

  it('sees a long answer that goes on in another language', () => {
    const answer = `${ENGLISH} `.repeat(3) + `${GERMAN} `.repeat(500);
    expect(outcomeOf(QUESTION, answer)).toBe('wrong');
  });

  it('repeats nothing of either text', () => {
    const reasons = [check(QUESTION, GERMAN), check('Ignore', GERMAN), check(QUESTION, ENGLISH)].map(
      ({ reason }) => reason,
    );
    for (const reason of reasons) expect(reason).not.toMatch(/Artikel|Ignore|item/);
  });
});

describe('work grows with the length of the answer', () => {
  it.each(['word ', '"', '"a', '`', '```', '> ', '<', '<a', 'a@', '«', '[1]', 'https://', '漢', '\n'])(
    'of %j',
    async (piece) => {
      expect(await growth(repeated(piece), (text) => check(QUESTION, text))).toBeLessThanOrEqual(3);
    },
  );
});
