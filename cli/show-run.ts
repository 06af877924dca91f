// How a run looks on a terminal: its reply, its citations and its timeline.
import type { Reply, Timeline } from '../client/index.ts';
import { alignTable, paint, print } from './output.ts';

const MAX_QUOTE_CHARS = 100;

/** What a person reads first: the answer with its sources, or why there is none. */
export function printReply(reply: Reply, indent = ''): void {
  const line = (text: string): void => print(text === '' ? '' : indent + text);
  if (reply.kind === 'answered') {
    for (const text of reply.text.split('\n')) line(text);
    if (reply.citations.length > 0) line('');
    for (const { n, title, docId } of reply.citations) line(paint('dim', `[${n}] ${title} (${docId})`));
    line(paint('dim', `by ${author(reply.model)}`));
    return;
  }
  line(`${paint(reply.kind === 'failed' ? 'red' : 'yellow', headline(reply))} ${explanation(reply)}`);
}

function author(model: string): string {
  return model === 'local/extractive'
    ? 'local/extractive, which quotes the documents; it is not a language model'
    : model;
}

function headline(reply: Reply): string {
  if (reply.kind === 'refused') return `refused (${reply.reason}):`;
  if (reply.kind === 'failed') return `failed (${reply.code}):`;
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
      return `review ${reply.reviewId}`;
    case 'budget-exhausted':
      return reply.last === null ? 'no validated answer' : reply.last.text.slice(0, MAX_QUOTE_CHARS);
    case 'answered':
      return reply.text;
  }
}

const MARK = { ok: ['green', '✓'], refused: ['yellow', '–'], failed: ['red', '✗'] } as const;

export function printTimeline({ steps, events }: Timeline, indent = ''): void {
  const rows = steps.map(({ step, durationMs, attempts, outcome, summary }) => [
    `${indent}${MARK[outcome][1]} ${step}`,
    milliseconds(durationMs).padStart(8),
    attempts > 1 ? `${summary} (attempt ${attempts})` : summary,
  ]);
  const table = alignTable(rows).split('\n');
  for (const [i, { outcome }] of steps.entries()) print(paint(MARK[outcome][0], table[i] ?? ''));
  print(paint('dim', `${indent}${events} events in history`));
}

export function milliseconds(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}

/** The run's page in the Temporal UI. */
export function uiLink(uiUrl: string | undefined, namespace: string, runId: string): string | undefined {
  return uiUrl === undefined ? undefined : `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(runId)}`;
}
