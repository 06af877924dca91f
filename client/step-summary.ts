// One line for people about each step's result: verdicts and counts, never content. Pure.
import type {
  Admission,
  Assembled,
  Generation,
  IndexedGeneration,
  OpenedGeneration,
  Retrieval,
  Validation,
} from '../workflows/protocol/index.ts';

export interface StepSummary {
  readonly outcome: 'ok' | 'failed' | 'refused';
  readonly summary: string;
}

const ok = (summary: string): StepSummary => ({ outcome: 'ok', summary });
const refused = (summary: string): StepSummary => ({ outcome: 'refused', summary });

const SUMMARIES: Readonly<Record<string, (result: never) => StepSummary>> = {
  admit: ({ verdict, principal }: Admission) => {
    const rules = verdict.rules.length > 0 ? verdict.rules.join(', ') : 'no policy allows it';
    const line = `${verdict.decision} ${principal.id}: ${rules}`;
    return verdict.decision === 'deny' ? refused(line) : ok(line);
  },
  retrieve: ({ verdict, passages, coverage, reason }: Retrieval) => {
    if (verdict !== 'found') return refused(`${verdict}: ${reason}`);
    const documents = new Set(passages.map((passage) => passage.docId)).size;
    return ok(
      `${plural(passages.length, 'passage')} of ${plural(documents, 'document')}, coverage ${coverage.toFixed(2)}`,
    );
  },
  assemble: ({ prompt, injectionSignals }: Assembled) => {
    const parts = prompt.messages.reduce((count, message) => count + message.parts.length, 0);
    const signals = injectionSignals.length;
    const warning = signals === 0 ? '' : `, ${plural(signals, 'passage')} with orders to the model, kept as data`;
    return ok(`${plural(parts, 'part')}${warning}`);
  },
  generate: ({ model, finishReason, usage, reused }: Generation) => {
    const tokens = `${usage.inputTokens} tokens in, ${usage.outputTokens} out`;
    const line = `${model}: ${finishReason}, ${tokens}${reused ? ', reply of an earlier attempt' : ''}`;
    return finishReason === 'stop' ? ok(line) : refused(line);
  },
  validate: ({ passed, checks }: Validation) => {
    if (passed) return ok(`passed ${plural(checks.length, 'check')}`);
    const failed = checks.filter((check) => !check.passed).map((check) => `${check.name} (${check.reason})`);
    return refused(`failed ${failed.join(', ')}`);
  },
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

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
