// Writes an evaluation as one HTML page, with the replies of its runs, which the ledger does not have.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CaseResult, TrialResult } from '../../evals/case-result.ts';
import type { GateVerdict } from '../../evals/gate/verdict.ts';
import type { PageCase, PageReply } from '../../evals/report/types.ts';
import type { EvalSet } from '../../releases/eval-set.ts';
import type { Release } from '../../releases/release.ts';
import { refOf } from '../../releases/release.ts';
import type { Reply, RunId } from '../../workflows/protocol/index.ts';
import { progressLine } from '../output.ts';
import type { Measuring } from './measure.ts';
import { TENANT } from './measure.ts';

export interface EvaluatedRelease {
  readonly release: Release;
  readonly results: readonly CaseResult[];
}

export interface WrittenPage extends EvaluatedRelease {
  readonly set: EvalSet;
  readonly evaluationId: string;
  readonly verdict: GateVerdict;
  /** Measured on the same cases. */
  readonly baseline?: EvaluatedRelease;
}

const AT_ONCE = 8;
/** All trials of an evaluation have ended: a run that says nothing for so long is not waited for. */
const MAX_WAIT_MS = 15_000;

/**
 * Of each case the reply of one trial: of the first that ended as the case did. Of the baseline only where the case does not pass on both
 * sides. What is no longer kept, or did not end with a reply, is shown as not kept.
 *
 * @param file is written over
 */
export async function writePage(measuring: Measuring, page: WrittenPage, file: string): Promise<void> {
  const { evaluationPage } = await import('../../evals/report/page.ts');
  const { findEvaluation } = await import('../../evals/runner/ledger.ts');
  const { release, set, evaluationId, verdict, baseline } = page;
  const { startedAt } = await findEvaluation(measuring.sql, { tenant: TENANT, id: evaluationId });
  const cases = await casesOf(measuring, page);
  const html = evaluationPage({
    ...{ release: refOf(release), digest: release.digest, suite: set.name, evaluationId, startedAt, verdict, cases },
    ...(baseline !== undefined && { baselineRelease: refOf(baseline.release) }),
  });
  writeFileSync(resolve(file), html);
}

async function casesOf({ client }: Measuring, { set, results, baseline }: WrittenPage): Promise<readonly PageCase[]> {
  const { expectationText } = await import('../../evals/report/expectation.ts');
  const described = new Map(set.cases.map((each) => [each.id, each]));
  const before = new Map(baseline?.results.map((each) => [each.id, each]));
  const line = progressLine('replies');
  let done = 0;
  const ask = async (result: CaseResult): Promise<PageCase> => {
    const evalCase = described.get(result.id);
    const reply = await keptReply(client, result);
    const earlier = before.get(result.id);
    const isOfInterest = earlier !== undefined && (earlier.outcome !== 'passed' || result.outcome !== 'passed');
    const earlierReply = isOfInterest ? await keptReply(client, earlier) : undefined;
    done += 1;
    line.update(`${done} of ${results.length}`, done / results.length);
    return {
      result,
      question: evalCase?.question ?? '',
      expected: evalCase === undefined ? '' : expectationText(evalCase),
      ...(reply !== undefined && { reply }),
      ...(earlier !== undefined && {
        baseline: { result: earlier, ...(earlierReply !== undefined && { reply: earlierReply }) },
      }),
    };
  };
  try {
    return await someAtOnce(results, ask);
  } finally {
    line.done();
  }
}

/** In the order of the items. */
async function someAtOnce<Item, Made>(
  items: readonly Item[],
  make: (item: Item) => Promise<Made>,
): Promise<readonly Made[]> {
  const made = new Array<Made>(items.length);
  const next = items.entries();
  const lane = async (): Promise<void> => {
    for (const [at, item] of next) made[at] = await make(item);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, lane));
  return made;
}

type Runs = Pick<Measuring['client'], 'run'>;

async function keptReply(client: Runs, { outcome, trials }: CaseResult): Promise<PageReply | undefined> {
  const shown: TrialResult | undefined = trials.find((trial) => trial.outcome === outcome) ?? trials[0];
  const reply = await replyOf(client, shown?.runId);
  if (shown === undefined || reply === undefined) return undefined;
  const { reasonIn } = await import('../../evals/judge/ask-judge.ts');
  const judged = await replyOf(client, shown.judged?.runId);
  const judge = judged?.kind === 'answered' ? reasonIn(judged.text) : undefined;
  return { ...pageReply(reply), trial: shown.trial, ...(judge !== undefined && { judge }) };
}

/** `undefined` where there is none, or it is not kept: cancelled, erased, or past its retention. */
async function replyOf(client: Runs, runId: string | null | undefined): Promise<Reply | undefined> {
  if (runId == null) return undefined;
  const late = new AbortController();
  try {
    return await Promise.race([
      client.run(runId as RunId).result(),
      pause(MAX_WAIT_MS, undefined, { signal: late.signal }),
    ]);
  } catch {
    return undefined;
  } finally {
    late.abort();
  }
}

export function pageReply(reply: Reply): PageReply {
  const { kind } = reply;
  switch (reply.kind) {
    case 'answered':
      return { kind, text: reply.text, cites: [...new Set(reply.citations.map(({ docId }) => docId))] };
    case 'refused':
      return { kind: `${kind}, ${reply.reason}`, text: reply.message };
    case 'clarify':
      return { kind, text: reply.question };
    case 'failed':
      return { kind: `${kind}, ${reply.code}`, text: reply.message };
    case 'budget-exhausted':
      return { kind: `${kind}, ${reply.limit}`, text: reply.last?.text ?? '' };
    default:
      return { kind, text: '' };
  }
}
