// The English analyzer, word by word. References: PyStemmer 3.1.0 `english` and bm25s 0.3.16.
import { describe, expect, it } from 'vitest';
import { english } from '../../../activities/sparse/english.ts';
import { stemEnglish } from '../../../activities/sparse/stem-english.ts';
import { termId } from '../../../activities/sparse/term-id.ts';

/** Chosen so that every rule of the algorithm is met; the stems are PyStemmer's. */
const STEMS = `refunds:refund refunded:refund refunding:refund policies:polici cried:cri ties:tie caresses:caress gas:gas
gaps:gap kiwis:kiwi us:us abuse:abus proceed:proceed exceedly:exceed agreed:agre feed:feed hopping:hop hoping:hope
adding:add egged:egg offed:off falling:fall luxuriating:luxuri troubled:troubl sized:size dying:die vying:vie
evening:evening innings:inning pasting:paste pasted:paste happy:happi say:say by:by enjoyment:enjoy yearly:year
conditional:condit relational:relat valency:valenc organizer:organiz organization:organiz later:later lateral:lateral
university:universiti universal:universal international:internat interval:interval generate:generat general:general
communism:communism arsenal:arsenal emergency:emergenc biologist:biolog apology:apolog fullness:full hopelessly:hopeless
electrical:electr formative:format triplicate:triplic adoption:adopt national:nation adjustment:adjust controll:control
rolled:roll skies:sky skis:ski news:news atlas:atlas only:onli idly:idl singly:singl early:earli cosmos:cosmos`;

describe('English stemmer', () => {
  it.each(STEMS.split(/\s+/).map((pair) => pair.split(':')))('stems %s to %s', (word = '', stem = '') => {
    expect(stemEnglish(word)).toBe(stem);
  });
});

describe('English stemmer, of letters that take two code units', () => {
  it.each([
    ['𐐨y', '𐐨y'],
    ['𝒳ies', '𝒳ie'],
    ['𝒳yed', '𝒳y'],
    ['a𐐨ing', 'a𐐨e'],
    ['𝒳𐐨tion𝒳s', '𝒳𐐨tion𝒳'],
    ['𝒳relational', '𝒳relat'],
  ])('counts them as one: %s to %s', (word, stem) => {
    expect(stemEnglish(word)).toBe(stem);
  });
});

describe('English analyzer', () => {
  it('lower-cases, drops stop words and single characters, stems, and keeps order and repeats', () => {
    expect(english.terms('The Refunds: a REFUND is not in 14 days, x!')).toEqual(['refund', 'refund', '14', 'day']);
  });

  it('takes words as runs of letters, digits and underscores of every script, two at least', () => {
    expect(english.terms("don't Müller_2 größe 退款政策 e-mail №5 café")).toEqual([
      ...['don', 'müller_2', 'größe', '退款政策', 'mail', 'café'],
    ]);
  });

  it('leaves scaffolding out of what an answer must cover, and in what is ranked', () => {
    const question = 'Please tell me: how do I return opened headphones?';
    expect([...english.contentTerms(question)]).toEqual(['return', 'open', 'headphon']);
    expect(english.terms(question)).toContain('how');
    expect(english.contentTerms('What can you do for me?').size).toBe(0);
    expect([...english.contentTerms('How long is a gift card valid?')]).toEqual(['gift', 'card', 'valid']);
    expect([...english.contentTerms('Do you sell a long dress?')]).toContain('long');
  });
});

describe('term ids', () => {
  it.each([
    ['', 0],
    ['a', 0x3c2569b2],
    ['hello', 0x248bfa47],
    ['hello, world', 0x149bbb7f],
    ['äöü', 0x2dde4854],
    ['The quick brown fox jumps over the lazy dog', 0x2e4ff723],
  ])('is MurmurHash3 x86 32 of %j', (term, id) => {
    expect(termId(term)).toBe(id);
  });
});
