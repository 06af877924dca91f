// Runs the engine's checks on a draft: a long one in a thread of its own, which is ended when it takes too long. Fails closed.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { CompiledSchema, JsonSchema } from '../../runtime/json-schema.ts';
import { compileSchema } from '../../runtime/json-schema.ts';
import type { AnswerRules } from '../../workflows/protocol/index.ts';
import { LONG_DRAFT_CHARS } from '../../workflows/protocol/index.ts';
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

/** Threads at once: each holds a draft and what is made of it, and the worker’s own thread is to have a processor. */
const MAX_THREADS = 1;
let running = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= MAX_THREADS) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await work();
  } finally {
    // Whoever waits gets the place.
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
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
const THREAD = ['./check-thread.ts', './check-thread.js']
  .map((name) => fileURLToPath(new URL(name, import.meta.url)))
  .find((path) => existsSync(path));

async function checkInThread(draft: DraftToCheck): Promise<CheckResults> {
  if (THREAD === undefined) throw new Error('check-thread is missing beside check-draft');
  const thread = new Worker(THREAD, {
    workerData: draft,
    // A check needs no secret, and what it would print is content.
    env: {},
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: MAX_MEMORY_MB },
  });
  thread.stdout.resume();
  thread.stderr.resume();
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
