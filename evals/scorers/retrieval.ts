// How well the documents were found that a case cites: a measure beside the scorers, which decides nothing by itself.
import type { EvalCase } from '../../releases/eval-case.ts';
import { scoreRanking } from '../metrics.ts';
import type { Observed } from './observed.ts';

/** nDCG@10, 0–1, of the documents that reached the prompt; each that the case cites is as relevant. `undefined` where there is nothing to find. */
export function ndcgOf(
  { expect: { cite } }: Pick<EvalCase, 'expect'>,
  { kind, retrieved }: Pick<Observed, 'kind' | 'retrieved'>,
): number | undefined {
  if (cite === undefined || retrieved === undefined || kind === 'failed') return undefined;
  return scoreRanking(retrieved, new Map(cite.map((docId) => [docId, 1])))['ndcg@10'];
}
