// How a run looks on a terminal: its reply, its citations and its timeline.
import type { Reply, Timeline, TraceRecord } from '../client/index.ts';
import type { RunFlag, RunFlags } from '../workflows/protocol/index.ts';
import { RUN_FLAGS } from '../workflows/protocol/index.ts';
import { KEY_CHARS } from './effect-state.ts';
import { alignTable, paint, print } from './output.ts';
import { visible, visibleLines } from './untrusted-text.ts';

const SPENT = {
  turns: 'the release allows no more model calls.',
  'tool-calls': 'the release allows no more calls of tools.',
  tokens: 'the release allows no more tokens.',
  time: 'the release allows no more time.',
  cost: 'the release allows no more cost.',
  'principal-day': 'whoever asked has spent what a day allows.',
  'release-day': 'the release has spent what a day allows.',
  'tenant-day': 'all runs together have spent what a day allows.',
} as const;

/** What a person reads first: the answer with its sources, or why there is none. */
export function printReply(reply: Reply, indent = ''): void {
  const line = (text: string): void => print(text === '' ? '' : indent + text);
  if (reply.kind === 'answered') {
    for (const text of visibleLines(reply.text)) line(text);
    printSources(reply, indent);
    return;
  }
  const [first = '', ...rest] = visibleLines(explanation(reply));
  line(`${paint(reply.kind === 'failed' ? 'red' : 'yellow', headline(reply))} ${first}`);
  for (const text of rest) line(text);
  if (reply.kind === 'budget-exhausted' && reply.last !== null) printReply(reply.last, `${indent}  `);
}

/** What stands under an answer: what it cites, and what wrote it. */
export function printSources({ citations, model }: Extract<Reply, { kind: 'answered' }>, indent = ''): void {
  if (citations.length > 0) print();
  for (const { n, title, docId, headings = [], start, end } of citations) {
    const where = [title, ...headings.filter((heading) => heading !== title)].join(' › ');
    print(indent + paint('dim', visible(`[${n}] ${where} (${docId}, ${start}–${end})`)));
  }
  print(indent + paint('dim', `by ${author(model)}`));
}

/** The stand-ins are named for what they are. */
const STAND_INS: ReadonlyMap<string, string> = new Map([
  ['local/extractive', 'local/extractive, which quotes the documents; it is not a language model'],
  ['local/scripted', 'local/scripted, which follows a script; it is not a language model'],
]);

const author = (model: string): string => STAND_INS.get(model) ?? visible(model);

function headline(reply: Reply): string {
  if (reply.kind === 'refused') return `refused (${reply.reason}):`;
  if (reply.kind === 'failed') return `failed (${reply.code}):`;
  if (reply.kind === 'budget-exhausted') return `budget exhausted (${reply.limit}):`;
  if (reply.kind === 'handed-over') return 'handed over:';
  return `${reply.kind}:`;
}

function explanation(reply: Reply): string {
  switch (reply.kind) {
    case 'refused':
    case 'failed':
      return reply.message;
    case 'clarify':
      return reply.question;
    case 'handed-over':
      return `a person goes on with it, under review ${reply.reviewId}.`;
    case 'budget-exhausted':
      return `${SPENT[reply.limit]} ${reply.last === null ? 'There is no validated answer.' : 'The last validated answer:'}`;
    case 'answered':
      return reply.text;
  }
}

const MARK = { ok: ['green', '✓'], refused: ['yellow', '–'], failed: ['red', '✗'] } as const;

export function printTimeline({ steps, events }: Timeline, indent = ''): void {
  const rows = steps.map(({ step, durationMs, attempts, outcome, summary }) => [
    `${indent}${MARK[outcome][1]} ${visible(step)}`,
    milliseconds(durationMs).padStart(8),
    visible(attempts > 1 ? `${summary} (attempt ${attempts})` : summary),
  ]);
  const table = alignTable(rows).split('\n');
  for (const [i, { outcome }] of steps.entries()) print(paint(MARK[outcome][0], table[i] ?? ''));
  print(paint('dim', `${indent}${events} events in history`));
}

/** Every check that an answer went through, by validation: what it looked at, and why it passed or not. */
export function printChecks({ steps }: Timeline, indent = ''): void {
  const validations = steps.flatMap(({ checks }) => (checks === undefined ? [] : [checks]));
  for (const [i, checks] of validations.entries()) {
    if (i > 0) print();
    const rows = checks.map(({ name, passed, reason, score, threshold }) => [
      `${indent}${passed ? MARK.ok[1] : MARK.refused[1]} ${visible(name)}`,
      score === null ? '' : `${score.toFixed(2)}${threshold === null ? '' : ` of ${threshold.toFixed(2)}`}`,
      visible(reason),
    ]);
    const table = alignTable(rows).split('\n');
    for (const [n, { passed }] of checks.entries()) print(paint(passed ? 'green' : 'yellow', table[n] ?? ''));
  }
}

/** What came of undoing what a run did, in the order of trying. */
export function printCompensations(compensations: TraceRecord['compensations'] = [], indent = ''): void {
  const rows = compensations.map(({ effect_key: key, tool, by, status }) => {
    const mark = status === 'done' ? MARK.ok[1] : MARK.failed[1];
    const what = status === 'done' ? `undone by ${by}` : `not undone by ${by}: ${status}`;
    return [`${indent}${mark} ${visible(tool)}`, key.slice(0, KEY_CHARS), visible(what)];
  });
  const table = alignTable(rows).split('\n');
  for (const [i, { status }] of compensations.entries())
    print(paint(status === 'done' ? 'green' : 'red', table[i] ?? ''));
}

const BECAME: Readonly<Record<RunFlag, string>> = {
  sawUntrusted: 'saw untrusted text',
  reachedSensitive: 'reached sensitive data',
  acted: 'acted',
};

/** The flags of the rule of two, each with the step at which it became true. @param flags of a trace; absent when none did */
export function printFlags(flags: RunFlags = {}, indent = ''): void {
  const raised = RUN_FLAGS.flatMap((flag) =>
    flags[flag] === undefined ? [] : [[`${indent}${BECAME[flag]}`, flags[flag]]],
  );
  if (raised.length > 0) print(alignTable(raised));
}

/** Calls of models that nobody settled, which count as what they may have cost. @param unsettled of a trace; absent when there were none */
export function printUnsettled(unsettled: TraceRecord['unsettled'], indent = ''): void {
  if (unsettled === undefined) return;
  const { calls, tokens, cost_usd: costUsd } = unsettled;
  const most = [`${tokens} tokens`, ...(costUsd === null ? [] : [`${costUsd.toFixed(4)} USD`])].join(', ');
  const what = calls === 1 ? '1 model call was' : `${calls} model calls were`;
  print(paint('yellow', `${indent}${what} begun and never settled: at most ${most}, which count against budgets`));
}

export function milliseconds(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}

/** The run's page in the Temporal UI. */
export function uiLink(uiUrl: string | undefined, namespace: string, runId: string): string | undefined {
  return uiUrl === undefined ? undefined : `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(runId)}`;
}
