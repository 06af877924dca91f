// Which sentences answer a part of a question, and how sure that is. Pure, and linear in the sentences.
// The figures were set on the dev halves of test/sets; none of them moves a share by more than a few points when it is off by a third.
import type { Analyzer } from '../../sparse/analyzer.ts';
import { hasCandidate } from './answer-types.ts';
import type { QuestionPart } from './question.ts';
import type { Sentence, SourcePassage } from './sentences.ts';
import type { Weighed } from './weigh.ts';
import { fullWeight, isIn, weigh } from './weigh.ts';

const MAX_SENTENCES = 3;
/** A further sentence is quoted only if it covers this much more of the question, 0–1. */
const MIN_GAIN = 0.15;
/** And only if by itself it is about the question: it covers at least this share of what the first sentence does, 0–1. */
const MIN_OF_FIRST = 0.4;
/** Of fewer words each has to be spoken of in one place: found here and there they are no answer. */
const MANY_WORDS = 5;
/** A sentence of the same passage that answers almost as well is quoted beside the best: its share of the best one's confidence, 0–1. */
const CLOSE = 0.9;

/** What it counts, 0–1, that a word stands not in the sentence itself, but … */
const CREDIT = {
  /** as a synonym, or derived from the same stem; */
  other: 0.9,
  /** in title or headings; */
  heading: 0.97,
  /** in the passage's first sentence: of names, which the rest speaks of as "it"; */
  first: 0.9,
  /** in the sentence before; */
  before: 0.7,
  /** elsewhere in the passage; */
  passage: 0.25,
  /** in a further sentence that is quoted beside it, of the same passage or, if the question has many words, of another. */
  beside: 0.9,
  besideOther: 0.4,
};

/** What is left of the confidence, 0–1, when the answer … */
const LACKS = {
  /** has no candidate of the kind that is asked for; */
  kind: 0.55,
  /** has it in the sentence behind only; */
  kindHere: 0.9,
  /** does not name what "how many" asks to be counted; */
  counted: 0.65,
  /** stands in a passage that does not know a name of the question: each time. */
  name: 0.5,
};

/** Share of the confidence that is about what is asked of the subject, not about the subject, 0–1. */
const RELATION = 0.5;
/** Of many words that agree a few may be missing: each beyond the third adds so much, and all together at most `MAX_AGREED`. */
const AGREED = 0.07;
const MAX_AGREED = 0.33;
/** From this credit on a word counts as one that agrees. */
const AGREES = 0.7;

export interface Chosen {
  readonly sentences: readonly Sentence[];
  /** That they answer the part, from 0; 1 and more when they speak of all of it. */
  readonly confidence: number;
}

interface Candidate {
  readonly sentence: Sentence;
  readonly confidence: number;
  /** By the place of each weighed term, 0–1. */
  readonly credit: readonly number[];
  /** Left by what it lacks, 0–1. */
  readonly left: number;
  /** Brings what is asked for, if the sentence itself does not. */
  readonly behind: Sentence | undefined;
}

export function choose(part: QuestionPart, passages: readonly SourcePassage[], analyzer: Analyzer): Chosen {
  const sentences = passages.flatMap((passage) => passage.sentences);
  const weighed = weigh(part, sentences, passages, analyzer);
  const [best, second] = bestTwo(part, weighed, sentences);
  if (best === undefined) return { sentences: [], confidence: 0 };
  const { credit, more } = further(weighed, sentences, best);
  const reached = reach(weighed, credit, best.sentence, fullWeight(sentences.length));
  const agreed = credit.filter((one) => one >= AGREES).length;
  return {
    sentences: [best, ...(isClose(second, best) ? [second] : [])]
      .flatMap(({ sentence, behind }) => (behind === undefined ? sentence : [sentence, behind]))
      .concat(more)
      .slice(0, MAX_SENTENCES),
    confidence: reached * best.left + Math.min(MAX_AGREED, AGREED * Math.max(0, agreed - 3)),
  };
}

/** Of two that say as much, the one ranked first; of one passage, the shorter. */
function bestTwo(part: QuestionPart, weighed: readonly Weighed[], sentences: readonly Sentence[]): Candidate[] {
  const full = fullWeight(sentences.length);
  let best: Candidate | undefined;
  let second: Candidate | undefined;
  for (const sentence of sentences) {
    if (directly(weighed, sentence) === 0) continue;
    const credit = weighed.map((one) => creditOf(one, sentence));
    const { left, behind } = lacks(part, weighed, sentence);
    const confidence = reach(weighed, credit, sentence, full) * left;
    const candidate = { sentence, confidence, credit, left, behind };
    if (best === undefined || isBetter(candidate, best)) [best, second] = [candidate, best];
    else if (sentence.text !== best.sentence.text && (second === undefined || isBetter(candidate, second)))
      second = candidate;
  }
  return [best, second].filter((one) => one !== undefined);
}

function isBetter(one: Candidate, other: Candidate): boolean {
  const gain = one.confidence - other.confidence;
  const isShorter =
    one.sentence.citation === other.sentence.citation && one.sentence.text.length < other.sentence.text.length;
  return gain > 1e-9 || (gain > -1e-9 && isShorter);
}

/** Which of the two answers is not for this model to decide. */
const isClose = (second: Candidate | undefined, best: Candidate): second is Candidate =>
  second !== undefined &&
  second.sentence.passage === best.sentence.passage &&
  second.left >= best.left &&
  second.confidence >= CLOSE * best.confidence;

/** Sentences that speak of what the best leaves open, and what is covered with them. */
function further(weighed: readonly Weighed[], sentences: readonly Sentence[], best: Candidate) {
  const total = weighed.reduce((sum, { weight }) => sum + weight, 0);
  const least = MIN_OF_FIRST * directly(weighed, best.sentence);
  const credit = [...best.credit];
  const besideOther = weighed.length < MANY_WORDS ? 0 : CREDIT.besideOther;
  const said = new Set<Weighed>(weighed.filter((_, at) => (credit[at] ?? 0) >= 0.8));
  const eligible = sentences.filter(
    (one) => directly(weighed, one) >= least && weighed.every((term) => !term.isName || isIn(term, one.passage.terms)),
  );
  const more: Sentence[] = [];
  while (more.length + 1 < MAX_SENTENCES) {
    let next: Sentence | undefined;
    let nextGain = 0;
    for (const sentence of eligible) {
      const gain = weighed.reduce(
        (sum, one) => sum + (!said.has(one) && isIn(one, sentence.terms) ? one.weight : 0),
        0,
      );
      if (gain > nextGain) [next, nextGain] = [sentence, gain];
    }
    if (next === undefined || nextGain < MIN_GAIN * total) break;
    more.push(next);
    const share = next.passage === best.sentence.passage ? CREDIT.beside : besideOther;
    for (const [at, one] of weighed.entries()) {
      if (isIn(one, next.terms)) said.add(one);
      // Of a name that stands elsewhere, something else may be said.
      if (!one.isName) credit[at] = Math.max(credit[at] ?? 0, share * creditOf(one, next));
    }
  }
  return { credit, more };
}

const directly = (weighed: readonly Weighed[], { terms }: Sentence): number =>
  weighed.reduce((sum, one) => sum + (isIn(one, terms) ? one.weight : 0), 0);

/** How far a sentence speaks of a term, itself or by what stands around it, 0–1. */
function creditOf(one: Weighed, { terms, passage, place }: Sentence): number {
  if (terms.has(one.term)) return 1;
  if (isIn(one, passage.headings)) return CREDIT.heading;
  if (isIn(one, terms)) return CREDIT.other;
  const [first] = passage.sentences;
  if (one.isName && first !== undefined && isIn(one, first.terms)) return CREDIT.first;
  const before = passage.sentences[place - 1];
  if (before !== undefined && isIn(one, before.terms)) return CREDIT.before;
  return isIn(one, passage.terms) ? CREDIT.passage : 0;
}

/** Of all that is asked, and of what is asked about the subject: to speak of the subject alone is no answer. */
function reach(weighed: readonly Weighed[], credit: readonly number[], { passage }: Sentence, full: number): number {
  let all = 0;
  let reached = 0;
  let relation = 0;
  let related = 0;
  for (const [at, one] of weighed.entries()) {
    const got = one.weight * (credit[at] ?? 0);
    all += one.weight;
    reached += got;
    if (one.isName || isIn(one, passage.headings)) continue;
    relation += one.weight;
    related += got;
  }
  if (all === 0) return 0;
  if (relation === 0) return reached / all;
  // Common words alone tell little of what is asked.
  const share = RELATION * Math.min(1, relation / full);
  return ((1 - share) * reached) / all + (share * related) / relation;
}

function lacks(
  { type, asked, counted }: QuestionPart,
  weighed: readonly Weighed[],
  { text, terms, passage, place }: Sentence,
): Pick<Candidate, 'left' | 'behind'> {
  let left = 1;
  let behind: Sentence | undefined;
  if (!hasCandidate(text, type, asked)) {
    const next = passage.sentences[place + 1];
    if (next?.follows === true && hasCandidate(next.text, type, asked)) behind = next;
    left *= behind === undefined ? LACKS.kind : LACKS.kindHere;
  }
  if (weighed.some((one) => one.term === counted && !isIn(one, terms))) left *= LACKS.counted;
  for (const one of weighed) if (one.isName && !isIn(one, passage.terms)) left *= LACKS.name;
  return { left, behind };
}
