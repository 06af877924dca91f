// One line for people about each step's result: verdicts and counts, never content. Pure.
import type {
  Admission,
  Assembled,
  CallJudgement,
  CallResult,
  Check,
  DecideResult,
  Embedded,
  Generation,
  IndexedGeneration,
  OpenedGeneration,
  PaidCheck,
  PlannedCompensations,
  Quorum,
  RemotelyChecked,
  RequestedAnswer,
  RequestedApproval,
  Reranked,
  Retrieval,
  TakenAnswer,
  Validation,
  Verdict,
} from '../workflows/protocol/index.ts';

export interface StepSummary {
  readonly outcome: 'ok' | 'failed' | 'refused';
  readonly summary: string;
  /** Of a validation: what each check looked at, and why it passed or not. Absent for other steps. */
  readonly checks?: readonly Check[];
}

const ok = (summary: string): StepSummary => ({ outcome: 'ok', summary });
const refused = (summary: string): StepSummary => ({ outcome: 'refused', summary });
const failed = (summary: string): StepSummary => ({ outcome: 'failed', summary });

function checked(checks: readonly Check[]): StepSummary {
  const failing = checks.filter((check) => !check.passed).map((check) => `${check.name} (${check.reason})`);
  const line =
    failing.length === 0 ? ok(`passed ${plural(checks.length, 'check')}`) : refused(`failed ${failing.join(', ')}`);
  return { ...line, checks };
}

const SUMMARIES: Readonly<Record<string, (result: never) => StepSummary>> = {
  admit: ({ verdict, principal }: Admission) => {
    const line = `${verdict.decision} ${principal.id}: ${rulesOf(verdict)}`;
    return verdict.decision === 'deny' ? refused(line) : ok(line);
  },
  retrieve: ({ verdict, passages, coverage, reason }: Retrieval) => {
    if (verdict !== 'found') return refused(`${verdict}: ${reason}`);
    const documents = new Set(passages.map((passage) => passage.docId)).size;
    return ok(
      `${plural(passages.length, 'passage')} of ${plural(documents, 'document')}, coverage ${coverage.toFixed(2)}`,
    );
  },
  embed: ({ model, usage, reused }: Embedded) =>
    ok(`${model}: ${usage.inputTokens} tokens${reused ? ', vector of an earlier attempt' : ''}`),
  rerank: ({ model, passages, bestScore, usage, reused }: Reranked) => {
    const best = bestScore === null ? '' : `, best ${bestScore.toFixed(2)}`;
    const again = reused ? ', scores of an earlier attempt' : '';
    const line = `${model}: ${plural(passages.length, 'passage')} kept${best}, ${usage.inputTokens} tokens${again}`;
    return passages.length > 0 ? ok(line) : refused(line);
  },
  assemble: ({ prompt, injectionSignals }: Assembled) => {
    const parts = prompt.messages.reduce((count, message) => count + message.parts.length, 0);
    const signals = injectionSignals.length;
    const warning = signals === 0 ? '' : `, ${plural(signals, 'passage')} with orders to the model, kept as data`;
    return ok(`${plural(parts, 'part')}${warning}`);
  },
  generate: ({ model, finishReason, toolCalls = [], usage, reused }: Generation) => {
    const tokens = `${usage.inputTokens} tokens in, ${usage.outputTokens} out`;
    const asks = finishReason === 'tool-calls' && toolCalls.length > 0;
    const what = asks ? `asks for ${toolCalls.map((call) => call.tool).join(', ')}` : finishReason;
    const line = `${model}: ${what}, ${tokens}${reused ? ', reply of an earlier attempt' : ''}`;
    return finishReason === 'stop' || asks ? ok(line) : refused(line);
  },
  judgeCall: ({ outcome, message, verdict }: CallJudgement) => {
    if (verdict === undefined) return refused(`${outcome}: ${message}`);
    const { approval } = verdict;
    const asks = outcome === 'approval' && approval !== undefined;
    const what = asks ? `needs approval by ${quorumOf(approval.quorum)}` : outcome;
    const { compensates } = verdict.facts.context;
    const undoes = typeof compensates === 'string' ? `, to undo ${compensates}` : '';
    const line = `${verdict.facts.resource.id}${undoes}: ${what} (${rulesOf(verdict)})`;
    return outcome === 'deny' || outcome === 'invalid' ? refused(line) : ok(line);
  },
  requestApproval: ({ pending }: RequestedApproval) =>
    ok(`asks ${quorumOf(pending.quorum)} until ${untilOf(pending.expiresAt)}`),
  requestAnswer: ({ outcome, message, pending }: RequestedAnswer) => {
    if (outcome === 'allowed') return ok('the policy lets it go on');
    if (pending === undefined) return refused(`${outcome}: ${message}`);
    const who = pending.asksRequester === true ? pending.requester : quorumOf(pending.quorum);
    return ok(`asks ${who} (${pending.kind ?? 'tool'}) until ${untilOf(pending.expiresAt)}`);
  },
  takeAnswer: ({ by, problem }: TakenAnswer) =>
    problem === undefined ? ok(`by ${by.join(', ')}, verified again`) : refused(`does not fit: ${problem}`),
  planCompensations: ({ effects }: PlannedCompensations) => {
    const unknown = effects.filter(({ state }) => state === 'unknown').length;
    const more = unknown === 0 ? '' : `, and ${unknown} that nobody can tell`;
    const line = `${plural(effects.length - unknown, 'effect')} to undo${more}`;
    return unknown === 0 ? ok(line) : refused(line);
  },
  closeApproval: () => ok('how it ended is written'),
  callTool: ({ tool, status, message, bytes }: CallResult) => {
    if (status === 'done') return ok(`${tool}: done, ${plural(bytes, 'byte')}`);
    const line = `${tool}: ${status}${message === '' ? '' : `: ${message}`}`;
    return status === 'failed' || status === 'unknown' ? failed(line) : refused(line);
  },
  validate: ({ checks }: Validation) => checked(checks),
  checkRemotely: ({ checks }: RemotelyChecked) => checked(checks),
  moderate: ({ check }: PaidCheck) => checked([check]),
  judgeAnswer: ({ check, remark }: PaidCheck) =>
    checked(remark === undefined ? [check] : [{ ...check, reason: `${check.reason}: ${remark}` }]),
  record: () => ok('trace written'),
  openGeneration: ({ changed, documents, added, updated, removed }: OpenedGeneration) =>
    ok(
      changed
        ? `${plural(documents, 'document')}: ${added} added, ${updated} changed, ${removed} removed`
        : 'nothing changed',
    ),
  measureGeneration: ({ chunks }: IndexedGeneration) => ok(plural(chunks, 'chunk')),
  indexGeneration: ({ chunks }: IndexedGeneration) => ok(`${plural(chunks, 'chunk')} written`),
  swapGeneration: ({ chunks }: IndexedGeneration) => ok(`${plural(chunks, 'chunk')} now searched`),
};

export function summarise(step: string, result: unknown): StepSummary {
  const describe = Object.hasOwn(SUMMARIES, step) ? SUMMARIES[step] : undefined;
  return describe === undefined ? ok('done') : describe(result as never);
}

/** What an Update `decide` answered. */
export function summariseDecision({ state, missing }: DecideResult): string {
  return state === 'pending' ? `counted, ${missing} more needed` : state;
}

const rulesOf = ({ rules }: Verdict): string => (rules.length > 0 ? rules.join(', ') : 'no policy allows it');

const untilOf = (time: string): string => `${time.slice(0, 16).replace('T', ' ')} UTC`;

const quorumOf = ({ n, groups }: Quorum): string => `${n} of ${groups.join(', ')}`;

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
