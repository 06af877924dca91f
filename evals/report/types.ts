// What the page of an evaluation is made of. Types only. Texts of sets and replies are untrusted.
import type { CaseOutcome, CaseResult } from '../case-result.ts';
import type { GateVerdict } from '../gate/verdict.ts';

export interface PageReply {
  /** `answered`, `refused` and so on. */
  readonly kind: string;
  readonly text: string;
  /** Ids of documents. @default none */
  readonly cites?: readonly string[];
  /** Why a judge said what it said of it, in its own words. */
  readonly judge?: string;
  /** Which of several trials it is of, counted from 0. */
  readonly trial?: number;
}

export interface PageCase {
  readonly result: CaseResult;
  readonly question: string;
  /** What the set expects, as short text; lines stay. Empty for nothing. */
  readonly expected: string;
  /** Absent: it is not kept. */
  readonly reply?: PageReply;
  /** The same case of the baseline. */
  readonly baseline?: { readonly result: CaseResult; readonly reply?: PageReply };
}

export interface EvaluationPage {
  /** NAME@VERSION */
  readonly release: string;
  readonly digest: string;
  readonly suite: string;
  readonly evaluationId: string;
  readonly startedAt: Date;
  readonly baselineRelease?: string;
  readonly verdict: GateVerdict;
  readonly cases: readonly PageCase[];
}

/** What a reader wants to see first comes first. */
export const OUTCOMES: readonly CaseOutcome[] = ['failed', 'error', 'unscored', 'passed'];

/** Where the page shows a case, by its place in the input. */
export const anchorOf = (at: number): string => `case-${at + 1}`;
