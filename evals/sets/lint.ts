// What is wrong with an eval set before anything is asked: cases that count twice, that documents hold already, or that prove nothing.
// Pure; documents are read once.
import type { EvalCase } from '../../releases/eval-case.ts';
import type { EvalSet } from '../../releases/eval-set.ts';
import { isCheckable, isForJudge } from '../scorers/score.ts';
import { wordsOf } from './words.ts';

/** Kinds of questions that a release meets; a set may have others beside. */
export const KNOWN_TAGS = ['direct', 'unknown', 'ambiguous', 'injection', 'confidential', 'messy'] as const;

const MIN_CASES = 20;
const MIN_CASES_OF_A_TAG = 10;
/** Share of word pairs that two questions have in common, from which on they ask the same. 0–1. */
const NEAR = 0.7;
/** Shorter texts stand in documents by chance. */
const MIN_LEAKED_WORDS = 4;
/** Of a 95 % one-sided bound. */
const Z = 1.6449;

export type FindingKind =
  /** The same question with the same demands. */
  | 'duplicate-case'
  /** Almost the same question, and not in one cluster; or the same question with other demands. */
  | 'near-duplicate'
  /** A document has the question, word for word. Of a page of questions and answers that is to be expected. */
  | 'question-in-document'
  /** A document has the question and the right answer of the set, word for word: it is the set, or was made of it. */
  | 'case-in-document'
  /** Cases that can never pass. An error where no other is left. */
  | 'nothing-checkable'
  /** An answer is demanded, and nothing of it is checked. */
  | 'answer-unchecked'
  | 'few-cases'
  | 'missing-tag'
  /** Too few of a tag for its pass rate to say anything. */
  | 'small-tag';

export interface Finding {
  readonly kind: FindingKind;
  readonly level: 'error' | 'warning';
  /** Ids; empty where it is about the whole set. */
  readonly cases: readonly string[];
  /** For people. */
  readonly detail: string;
}

export interface LintOptions {
  /** What the release may cite. @default none: leaks are not looked for */
  readonly documents?: Iterable<{ readonly id: string; readonly text: string }>;
}

export interface LintReport {
  /** Errors first. */
  readonly findings: readonly Finding[];
  /** The pass rate that the set can prove at best, with all cases that can pass passed. 0–1, at 95 % confidence, one-sided. */
  readonly provableRate: number;
}

export function lintSet(set: EvalSet, { documents = [] }: LintOptions = {}): LintReport {
  const { cases } = set;
  const canPass = (each: EvalCase): boolean => isCheckable(each) || (set.judge !== undefined && isForJudge(each));
  const findings = [
    ...duplicates(cases),
    ...leaks(cases, documents),
    ...unchecked(cases, canPass),
    ...(cases.length < MIN_CASES ? [fewCases(cases.length)] : []),
    ...tagFindings(cases),
  ];
  const isError = ({ level }: Finding): boolean => level === 'error';
  return {
    findings: [...findings.filter(isError), ...findings.filter((finding) => !isError(finding))],
    provableRate: provable(cases.filter(canPass).length),
  };
}

/** Wilson's lower bound when all pass. */
const provable = (cases: number): number => (cases === 0 ? 0 : cases / (cases + Z * Z));

const percent = (rate: number): string => `${(rate * 100).toFixed(1)} %`;

/** At most one for each case: with that of the earlier ones which it is most like. */
function duplicates(cases: readonly EvalCase[]): readonly Finding[] {
  const shingles = cases.map(({ question }) => shinglesOf(wordsOf(question)));
  const demands = cases.map(({ expected, expect }) => JSON.stringify([expected, expect]));
  const seen = new Map<string, number[]>();
  return cases.flatMap((two, at) => {
    const own = shingles[at] ?? new Set();
    const shared = new Map<number, number>();
    for (const shingle of own) {
      const others = seen.get(shingle) ?? [];
      for (const other of others) shared.set(other, (shared.get(other) ?? 0) + 1);
      seen.set(shingle, others);
      others.push(at);
    }
    const findings = [...shared].flatMap(([other, common]) => {
      const one = cases[other];
      const likeness = common / (own.size + (shingles[other]?.size ?? 0) - common);
      if (one === undefined || likeness < NEAR) return [];
      if (likeness === 1 && demands[other] === demands[at]) return [{ likeness: 2, finding: duplicate(one, two) }];
      if (likeness < 1 && one.cluster === two.cluster) return [];
      return [{ likeness, finding: nearDuplicate(one, two, likeness) }];
    });
    findings.sort((x, y) => y.likeness - x.likeness);
    return findings.slice(0, 1).map(({ finding }) => finding);
  });
}

const duplicate = (one: EvalCase, two: EvalCase): Finding => ({
  kind: 'duplicate-case',
  level: 'error',
  cases: [one.id, two.id],
  detail: 'the same question with the same demands counts twice: leave one out',
});

const nearDuplicate = (one: EvalCase, two: EvalCase, likeness: number): Finding => ({
  kind: 'near-duplicate',
  level: 'warning',
  cases: [one.id, two.id],
  detail:
    likeness === 1
      ? 'the same question with other demands: make one case of them'
      : `${percent(likeness)} of their word pairs are the same: give them one cluster, or leave one out`,
});

/** Word pairs, with where it begins and ends, so that one word has some, too. */
function shinglesOf(words: readonly string[]): ReadonlySet<string> {
  const padded = ['', ...words, ''];
  return new Set(padded.slice(1).map((word, at) => `${padded[at]} ${word}`));
}

/** Texts that are looked for, by their words. */
interface SoughtNode {
  readonly next: Map<string, SoughtNode>;
  /** Of texts that end here: the case, by its place in the set. */
  readonly ends: { readonly at: number; readonly what: 'question' | 'answer' }[];
}

const emptyNode = (): SoughtNode => ({ next: new Map(), ends: [] });

function leaks(cases: readonly EvalCase[], documents: NonNullable<LintOptions['documents']>): readonly Finding[] {
  const sought = soughtIn(cases);
  const findings: Finding[] = [];
  for (const { id, text } of documents) {
    const found = foundIn(wordsOf(text), sought);
    for (const at of [...found.question].sort((a, b) => a - b)) {
      const evalCase = cases[at];
      if (evalCase !== undefined) findings.push(leak(evalCase.id, id, found.answer.has(at)));
    }
  }
  return findings;
}

function soughtIn(cases: readonly EvalCase[]): SoughtNode {
  const root = emptyNode();
  const seek = (text: string | null | undefined, end: SoughtNode['ends'][number]): void => {
    const words = wordsOf(text ?? '');
    if (words.length < MIN_LEAKED_WORDS) return;
    let node = root;
    for (const word of words) {
      const next = node.next.get(word) ?? emptyNode();
      node.next.set(word, next);
      node = next;
    }
    node.ends.push(end);
  };
  for (const [at, { question, expected, expect }] of cases.entries()) {
    seek(question, { at, what: 'question' });
    seek(expected, { at, what: 'answer' });
    seek(expect.exact, { at, what: 'answer' });
  }
  return root;
}

/** Places of cases in the set, by what of them stands there. */
function foundIn(words: readonly string[], root: SoughtNode) {
  const found = { question: new Set<number>(), answer: new Set<number>() };
  for (let from = 0; from < words.length; from += 1) {
    let node: SoughtNode | undefined = root;
    for (let at = from; node !== undefined; at += 1) {
      for (const end of node.ends) found[end.what].add(end.at);
      const word = words[at];
      node = word === undefined ? undefined : node.next.get(word);
    }
  }
  return found;
}

const leak = (id: string, document: string, hasAnswer: boolean): Finding => ({
  kind: hasAnswer ? 'case-in-document' : 'question-in-document',
  level: hasAnswer ? 'error' : 'warning',
  cases: [id],
  detail: hasAnswer
    ? `the question and its right answer stand in ${document} word for word: to find them there is no feat`
    : `the question stands in ${document} word for word, where it is easier to find than as people ask it`,
});

function unchecked(cases: readonly EvalCase[], canPass: (each: EvalCase) => boolean): readonly Finding[] {
  const idle = cases.filter((each) => !canPass(each)).map(({ id }) => id);
  const open = cases.filter(({ expect }) => demandsOnlyAnAnswer(expect)).map(({ id }) => id);
  const findings: Finding[] = [];
  if (idle.length > 0) {
    findings.push({
      kind: 'nothing-checkable',
      level: idle.length === cases.length ? 'error' : 'warning',
      cases: idle,
      detail: `${counted(idle.length)} can never pass: say under expect what a right reply has, for example answer_any`,
    });
  }
  if (open.length > 0) {
    findings.push({
      kind: 'answer-unchecked',
      level: 'warning',
      cases: open,
      detail: `${counted(open.length)} of behaviour answer would pass with any answer: add answer_any, cite or quote`,
    });
  }
  return findings;
}

function demandsOnlyAnAnswer(expect: EvalCase['expect']): boolean {
  const { behaviour, mayRefuse: _, mustNot, maxCostUsd, maxLatencyMs, ...others } = expect;
  return behaviour === 'answer' && Object.keys(others).length === 0;
}

const fewCases = (cases: number): Finding => ({
  kind: 'few-cases',
  level: 'warning',
  cases: [],
  detail: `${counted(cases)}: if all pass, that proves a pass rate of ${percent(provable(cases))} at best; ${MIN_CASES} prove ${percent(provable(MIN_CASES))}`,
});

function tagFindings(cases: readonly EvalCase[]): readonly Finding[] {
  const byTag = new Map<string, string[]>();
  for (const { id, tags } of cases) {
    for (const tag of tags) byTag.set(tag, [...(byTag.get(tag) ?? []), id]);
  }
  const missing = KNOWN_TAGS.filter((tag) => !byTag.has(tag));
  const small = [...byTag].filter(([, ids]) => ids.length < MIN_CASES_OF_A_TAG);
  return [
    ...missing.map(
      (tag): Finding => ({ kind: 'missing-tag', level: 'warning', cases: [], detail: `no case is tagged ${tag}` }),
    ),
    ...small.map(
      ([tag, ids]): Finding => ({
        kind: 'small-tag',
        level: 'warning',
        cases: ids,
        detail: `${tag} has ${counted(ids.length)}: if all pass, that proves a pass rate of ${percent(provable(ids.length))} at best`,
      }),
    ),
  ];
}

const counted = (cases: number): string => (cases === 1 ? '1 case' : `${cases} cases`);
