// Replaying for commands: where the histories come from, and one line each.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { NamedHistory, ReplayResult, UnreadableHistory } from '../audit/replay.ts';
import type { CountersignClient, RunId } from '../client/index.ts';
import { messageOf, UserError } from '../runtime/errors.ts';
import { isErased, isLost } from '../runtime/payloads/lost.ts';

export async function* historiesOfRuns(
  client: CountersignClient,
  runIds: readonly RunId[],
): AsyncGenerator<NamedHistory | UnreadableHistory> {
  for (const runId of runIds) {
    try {
      yield { runId, history: await client.run(runId).history() };
    } catch (error) {
      // It concerns this run alone: the others are still looked at.
      if (!isLost(error)) throw error;
      yield { runId, verdict: isErased(error) ? 'erased' : 'unreadable', reason: messageOf(error) };
    }
  }
}

/** @throws UserError for a file that is not a history's JSON */
export function* historiesOfFiles(paths: readonly string[]): Generator<NamedHistory> {
  for (const path of paths) yield { runId: basename(path), history: readHistory(path) };
}

function readHistory(path: string): unknown {
  let history: unknown;
  try {
    history = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UserError(`Cannot read a history from ${path}`, {
      hint: 'It must be the JSON that `runs history` or the Temporal UI exports.',
      exitCode: 2,
      cause,
    });
  }
  if (Array.isArray((history as { events?: unknown } | null)?.events)) return history;
  throw new UserError(`${path} has no events`, { hint: 'It must be the JSON of one event history.', exitCode: 2 });
}

/** Exit code of a set of results: 1 if any does not match, 2 if any could not be checked or there were none. Erased ones don't count. */
export function exitCodeOf(results: readonly ReplayResult[]): 0 | 1 | 2 {
  if (results.some((result) => result.verdict === 'mismatch')) return 1;
  const checked = results.filter((result) => result.verdict !== 'erased');
  return checked.length === 0 || checked.some((result) => result.verdict === 'unreadable') ? 2 : 0;
}
