// Runs the engine's checks on a draft: a long one in a thread of its own, which is ended when it takes too long. Fails closed.
import { once } from 'node:events';
import type { CompiledSchema, JsonSchema } from '../../runtime/json-schema.ts';
import { compileSchema } from '../../runtime/json-schema.ts';
import { siblingModule } from '../../runtime/sibling-module.ts';
import type { AnswerRules } from '../../workflows/protocol/index.ts';
import { LONG_DRAFT_CHARS } from '../../workflows/protocol/index.ts';
import { quietThread } from '../quiet-thread.ts';
import { inSlices } from '../slices.ts';
import { failedCheck } from './check.ts';
import type { CheckResults } from './checks.ts';
import { runChecks } from './checks.ts';
import type { CheckSubject } from './draft.ts';
import { loadLanguageCheck } from './language.ts';
import { checksLanguage } from './safety.ts';

export interface DraftToCheck {
  readonly subject: CheckSubject;
  readonly rules: AnswerRules;
  /** What a reply has to fit; absent without one. */
  readonly schema?: JsonSchema;
  readonly usesTools: boolean;
}

/** With others before it within the time of the activity: `long` of workflows/proxies.ts. */
const LONGEST_MS = 45_000;

export async function checkDraft(draft: DraftToCheck): Promise<CheckResults> {
  return draft.subject.text.length > LONG_DRAFT_CHARS
    ? await inTurn(() => checkInThread(draft))
    : await checkHere(draft);
}

/** One at a time: each holds a draft and what is made of it, and the worker’s own thread is to have a processor. */
let turn: Promise<unknown> = Promise.resolve();

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const mine = turn.then(work);
  turn = mine.catch(() => {});
  return mine;
}

/** Compiled once a release: bodies are kept in memory. */
const compiled = new WeakMap<JsonSchema, CompiledSchema>();

export async function checkHere({ subject, rules, schema, usesTools }: DraftToCheck): Promise<CheckResults> {
  const isJson = schema !== undefined;
  const language = checksLanguage({ ...subject, rules, isJson }) ? await loadLanguageCheck() : undefined;
  const output = schema && (compiled.get(schema) ?? compileSchema(schema));
  if (schema !== undefined && output !== undefined) compiled.set(schema, output);
  return await inSlices(runChecks(subject, rules, { output, language, usesTools }));
}

/** What a thread may hold: the draft, and what is made of it on the way. */
const MAX_MEMORY_MB = 1024;
const THREAD = siblingModule('./check-thread', import.meta.url);

async function checkInThread(draft: DraftToCheck): Promise<CheckResults> {
  const thread = quietThread(THREAD, { maxMemoryMb: MAX_MEMORY_MB, workerData: draft });
  try {
    const [results] = (await once(thread, 'message', { signal: AbortSignal.timeout(LONGEST_MS) })) as [CheckResults];
    return results;
  } catch {
    const checks = [failedCheck('complete', 'had not ended in its time and memory')];
    return { passed: false, checks, citations: [], text: draft.subject.text };
  } finally {
    await thread.terminate();
  }
}
