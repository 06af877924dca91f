// What a run is pinned to. The prompt text stays in the registry; histories carry the digest and the rules that steer the flow.

import type { Budgets } from './budget.ts';
import type { PinnedEmbedding, PinnedReranker } from './dense.ts';
import type { Digest } from './ids.ts';
import type { Sensitivity } from './principal.ts';
import type { PinnedTool } from './tool.ts';

export type Risk = 'low' | 'medium' | 'high' | 'critical';

export const RISK_RANK: Readonly<Record<Risk, number>> = { low: 0, medium: 1, high: 2, critical: 3 };

/** `NAME`, `NAME@1.4.0` or `NAME@production`; resolved to a digest before anything runs. */
export type ReleaseRef = string;

/** The answer rules of a release: `policy` in its manifest. */
export interface AnswerRules {
  readonly requireCitations: boolean;
  readonly refuseIfNotInContext: boolean;
  /** Where somebody turns to whose question the documents do not answer: a sentence. Absent in histories of before there was one. */
  readonly referTo?: string | undefined;
  /** Of the engine's checks: which are off, and what others are told. Absent, and what is absent in it: as they are by default. */
  readonly checks?: CheckSettings | undefined;
  /** Checks of a worker's own that an answer has to pass, by name, each with its settings. */
  readonly ownChecks?: Readonly<Record<string, unknown>> | undefined;
  /** People who look at a draft that did not pass, not even repaired. Absent: it is refused. */
  readonly review?: { readonly groups: readonly string[]; readonly expiresAfterMs: number } | undefined;
  /** Where a question can be read in more than one way, it is asked back. */
  readonly clarify?: boolean | undefined;
}

/** `false`: it is not asked. */
export interface CheckSettings {
  readonly grounding?: { readonly minScore: number } | false | undefined;
  /** @default false */
  readonly language?: boolean | undefined;
  readonly characters?: boolean | undefined;
  readonly secrets?: boolean | undefined;
  /** Hosts to which links stay: `docs.example.com`, `*.example.com`. @default none */
  readonly links?: { readonly hosts: readonly string[] } | false | undefined;
  /** Of the operator's prompt. */
  readonly leakage?: boolean | undefined;
  /** Words and phrases that neither question nor answer may hold, by what they are about. @default none */
  readonly words?: readonly { readonly category: string; readonly words: readonly string[] }[] | undefined;
  /** Asked of question and answer. `maxScore` is of any category. @default nobody is asked */
  readonly moderation?: { readonly moderation: PinnedReranker; readonly maxScore?: number | undefined } | undefined;
  /** A model that rates the answer, last. @default nobody is asked */
  readonly judge?:
    | {
        readonly model: { readonly name: string };
        readonly criteria?: string | undefined;
        /** 0–1. */
        readonly minScore: number;
      }
    | undefined;
}

export interface RetrievalSettings {
  readonly collection: string;
  readonly topK: number;
  /** 0–1. Sparse retrieval: IDF-weighted coverage of the question by the passages; with `dense`: the best passage's cosine. */
  readonly minScore: number;
  /** Asks again with words of the best passages. Absent: it does not. */
  readonly feedback?: 'rm3' | undefined;
  /** Searched by vectors, too. Absent: by words only. */
  readonly dense?:
    | {
        readonly embedding: PinnedEmbedding;
        /** Of the dense ranking beside the sparse one, which has 1. */
        readonly weight: number;
      }
    | undefined;
  /** What was found is put in order by a model; `minScore` is compared with its scores then. Absent: it is not. */
  readonly rerank?:
    | {
        readonly reranker: PinnedReranker;
        /** Passages that it is shown, at most. */
        readonly candidates: number;
      }
    | undefined;
}

/** The search whose passages a model puts in order: whether they are enough is for that model to say. */
export function beforeReranking(without: RetrievalSettings, candidates: number): RetrievalSettings {
  return { ...without, topK: Math.max(candidates, without.topK), minScore: 0 };
}

/** A model that may write, if `when` holds; by the name that the manifest uses. */
export interface Candidate {
  readonly model: string;
  readonly when?: CandidateCondition;
  /** Where the release prefers by price and it is known: US dollars, of input and of a reply as long as it may be. */
  readonly price?: { readonly inputUsdPerMillion: number; readonly replyUsd: number };
  /** After the others, whatever is preferred. */
  readonly fallback?: true;
}

export interface CandidateCondition {
  /** Estimated: of the question, passages and turns, without results of tools. */
  readonly maxInputTokens?: number | undefined;
  /** Of what is in the prompt. */
  readonly maxSensitivity?: Sensitivity | undefined;
  /** Of the tools that the run has asked for so far; without tools, that of the release. */
  readonly maxRisk?: Risk | undefined;
}

export interface PinnedRelease {
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
  readonly risk: Risk;
  /** The model's name as the manifest says it. */
  readonly model: string;
  readonly rules: AnswerRules;
  /** Absent for a prompt-only release. */
  readonly retrieval?: RetrievalSettings;
  /** Absent for a release without tools. */
  readonly tools?: readonly PinnedTool[];
  /** Absent for a release without tools. */
  readonly budgets?: Budgets;
  /** In the order in which they are asked. Absent for a release with one model. */
  readonly candidates?: readonly Candidate[];
  /** Which of them is asked first. Absent: in order. */
  readonly prefer?: 'price' | 'latency';
}
