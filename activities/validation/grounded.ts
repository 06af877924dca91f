// The check that each sentence of an answer is supported by the passages. What stands there word for word has been looked up already, as a quote;
// the rest is scored. A score, no proof: docs/validation.md says what it cannot see. Pure.
import type { Sliced } from '../slices.ts';
import type { BuiltIn, Finding } from './check.ts';
import type { Draft } from './draft.ts';
import type { Grounding, GroundingReason } from './grounding.ts';
import { preparingGrounds, scoringGrounding } from './grounding.ts';
import { citationNumbers, withoutCitations, withoutQuotes } from './parse-draft.ts';

/**
 * Where the release says nothing. Of claims written by hand in four registers (test/support/grounding-texts) it stops six of ten that are not supported, and one of ten
 * that are; of verbatim and nearly verbatim ones hardly any.
 */
export const MIN_GROUNDING = 0.3;
/** More are not scored, and more cannot pass. */
const MAX_CHARS = 512 * 1024;

const WHAT: Readonly<Record<GroundingReason['kind'], string>> = {
  number: 'a figure',
  date: 'a date',
  name: 'a name',
  negation: 'a negation',
  swap: 'who or what does what',
  quantifier: 'how many, or whether it must be',
  antonym: 'the opposite',
  speaker: 'who speaks',
  overlap: 'most of its words',
  'nothing-asserted': 'nothing',
};

export const grounded: BuiltIn = {
  name: 'grounded',
  applies: ({ rules, passages, isJson, usesTools }) =>
    rules.checks?.grounding !== false && passages.length > 0 && !isJson && !usesTools,
  *look(draft): Sliced<Finding> {
    const threshold = (draft.rules.checks?.grounding || undefined)?.minScore ?? MIN_GROUNDING;
    const claims = yield* claimsOf(draft);
    if (claims.size === 0) return { passed: true, reason: 'everything in it is a quote' };
    let chars = 0;
    for (const lines of claims.values()) for (const line of lines) chars += line.length;
    if (chars > MAX_CHARS) return { passed: false, reason: 'it has more sentences of its own than are looked at' };
    let weakest: Grounding | undefined;
    let sentences = 0;
    for (const [cited, lines] of claims) {
      const grounds = yield* preparingGrounds(textsOf(draft, cited));
      const grounding = yield* scoringGrounding([...lines].join('\n\n'), grounds);
      sentences += grounding.sentences;
      if (grounding.weakest !== null && grounding.weakest < (weakest?.weakest ?? 2)) weakest = grounding;
    }
    if (weakest?.weakest == null) return { passed: true, reason: 'asserts nothing of its own' };
    const score = Math.round(weakest.weakest * 1000) / 1000;
    if (score >= threshold) {
      return {
        passed: true,
        reason: `the passages support its ${sentences} sentences that are no quotes`,
        score,
        threshold,
      };
    }
    const kinds = [...new Set(weakest.reasons.map(({ kind }) => WHAT[kind]))].slice(0, 3).join(', ');
    const differs = kinds === '' ? '' : `; what differs is ${kinds}`;
    return { passed: false, reason: `the passages do not support a sentence of it${differs}`, score, threshold };
  },
};

const QUOTES = /["“”„«»]/g;
/** That the documents do not say something stands in none of them. */
const SAYS_NOTHING =
  /\b(?:The|These) (?:documents?|passages?|sources?|texts?)(?: found| given)? (?:say nothing|(?:do|does)(?: not|n['’]t) (?:say|mention|state|specify|cover|include|contain|tell))\b[^.!?\n]{0,400}[.!?]?/g;
const LINES_A_PAUSE = 256;

/**
 * What a draft says in its own words, by what it cites for it: the numbers of its line, joined. Without citations, and without lines that are
 * nothing but quotes.
 */
function* claimsOf({ text, quoted, passages }: Draft): Sliced<ReadonlyMap<string, ReadonlySet<string>>> {
  const claims = new Map<string, Set<string>>();
  for (const [i, line] of text.split('\n').entries()) {
    if (i % LINES_A_PAUSE === 0) yield;
    // A quote that does not stand there is a sentence like any other.
    const beside = quoted.wrong > 0 || quoted.cut ? line : withoutQuotes(line);
    if (!/[\p{L}\p{N}]{2}/u.test(withoutCitations(beside))) continue;
    const numbers = new Set(citationNumbers(withoutQuotes(line)));
    const cited = [...numbers].filter((n) => n >= 1 && n <= passages.length).sort((a, b) => a - b);
    const key = cited.join(' ');
    const claim = withoutCitations(line).replace(QUOTES, '').replace(SAYS_NOTHING, ' ');
    if (!/[\p{L}\p{N}]{2}/u.test(claim)) continue;
    const known = claims.get(key);
    // What is said again is scored once.
    if (known === undefined) claims.set(key, new Set([claim]));
    else known.add(claim);
  }
  return claims;
}

/** Of the passages that are cited; of all of them, where none is. */
const textsOf = ({ passages }: Draft, cited: string): readonly string[] =>
  cited === '' ? passages.map(({ text }) => text) : cited.split(' ').map((n) => passages[Number(n) - 1]?.text ?? '');
