// What a question asks: its parts, what each part's answer must speak of, and what kind of thing it is. Pure.
import type { Analyzer } from '../../sparse/analyzer.ts';
import { english } from '../../sparse/english.ts';
import type { AnswerType } from './answer-types.ts';
import { askedFor, wordsOf } from './answer-types.ts';
import { COMMON } from './words.ts';

/** More words than a question has; what is compared is in proportion. */
const MAX_TERMS = 64;
const MAX_PARTS = 4;
/** Of a common word's weight, 0–1. */
const COMMON_WEIGHT = 0.4;
/** Of the word that only says what kind of thing is asked for: "which city". */
const CLASS_WEIGHT = { common: 0.1, rare: 0.6 };

export interface WantedTerm {
  readonly term: string;
  /** As the question has it. */
  readonly word: string;
  /** Multiplies its rarity, 0–1. */
  readonly factor: number;
  /** A name or a figure: a text about another one is about something else. */
  readonly isName: boolean;
}

export interface QuestionPart {
  readonly text: string;
  readonly wanted: readonly WantedTerm[];
  readonly type: AnswerType;
  /** Stem of what is counted, where "how many" asks. */
  readonly counted: string | undefined;
  /** Lower-cased words: what the question says itself is no answer to it. */
  readonly asked: ReadonlySet<string>;
}

/** Parts that can be answered apart; a question of another language is one part. */
export function readQuestion(question: string, analyzer: Analyzer): readonly QuestionPart[] {
  const texts = analyzer.id === english.id ? partsOf(question.replace(/\s+/g, ' ')) : [question];
  return texts.map((text) => readPart(text, analyzer)).filter(({ wanted }) => wanted.length > 0);
}

const CUT = /\?\s+(?=\p{Lu})|,?\s+and\s+(?=(?:who|what|when|where|which|why|how|is|are|do|does|did|can|may|must)\s)/giu;
/** A part that points back says nothing alone. */
const POINTS_BACK = /\b(?:it|its|he|him|his|she|her|they|them|their|this|that|these|those|one|ones|there|then|so)\b/i;

function partsOf(question: string): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  const take = (end: number): void => {
    const part = question.slice(start, end);
    const last = parts.at(-1);
    if (last !== undefined && (POINTS_BACK.test(part) || parts.length === MAX_PARTS))
      parts[parts.length - 1] = `${last} ${part}`;
    else parts.push(part);
  };
  for (const { index, 0: cut } of question.matchAll(CUT)) {
    take(index);
    start = index + cut.length;
  }
  take(question.length);
  return parts;
}

function readPart(text: string, analyzer: Analyzer): QuestionPart {
  const isEnglish = analyzer.id === english.id;
  const content = new Set([...analyzer.contentTerms(text)].slice(0, MAX_TERMS));
  const wanted = new Map<string, WantedTerm>();
  const asked = new Set<string>();
  const [, kind] = /\b(?:what|which)\s+(\p{Ll}+)/u.exec(text.toLowerCase()) ?? [];
  let first = true;
  for (const { word, plain } of wordsOf(text)) {
    asked.add(plain);
    const isName = isEnglish && ((!first && /^\p{Lu}/u.test(word)) || /\p{N}/u.test(word));
    first = false;
    for (const term of analyzer.terms(word)) {
      if (!content.has(term) || wanted.has(term)) continue;
      const isCommon = isEnglish && !isName && COMMON.has(term);
      const factor =
        plain === kind ? (isCommon ? CLASS_WEIGHT.common : CLASS_WEIGHT.rare) : isCommon ? COMMON_WEIGHT : 1;
      wanted.set(term, { term, word, factor, isName });
    }
  }
  // Words that the analyzer cuts otherwise.
  for (const term of content) if (!wanted.has(term)) wanted.set(term, { term, word: term, factor: 1, isName: false });
  const type = isEnglish ? askedFor(text) : 'any';
  return {
    text,
    wanted: [...wanted.values()],
    type,
    counted: isEnglish ? countedIn(text, analyzer) : undefined,
    asked,
  };
}

function countedIn(text: string, analyzer: Analyzer): string | undefined {
  const [, word] = /\bhow many (?:(?:more|other|different|total|new)\s)?([\p{L}-]+)/iu.exec(text) ?? [];
  if (word === undefined) return undefined;
  const [stem] = analyzer.terms(word);
  return stem === undefined || COMMON.has(stem) ? undefined : stem;
}
