// Keeps the history of a run for test/replay/histories, when RECORD_HISTORIES=1 asks for it. They bind from v0.1.0 on: a change
// of workflow code keeps replaying them, by versioning, never by recording anew.
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunHandle } from '../../client/index.ts';
import { toHistoryJson } from '../../client/index.ts';
import { SAMPLE_DOCUMENTS } from './engine.ts';

export const HISTORIES = fileURLToPath(new URL('../replay/histories/', import.meta.url));

/** Call it with a run that has ended. */
export async function golden(name: string, run: Pick<RunHandle, 'history'>): Promise<void> {
  if (process.env['RECORD_HISTORIES'] !== '1') return;
  const history = withoutMachine(JSON.parse(toHistoryJson(await run.history())));
  writeFileSync(join(HISTORIES, `${name}.json`), `${JSON.stringify(history, null, 1)}\n`);
}

/** Replaces what names the machine of the recording; the replayer looks at none of it. */
function withoutMachine(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMachine);
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? anonymous(value) : value;
  const entries = Object.entries(value).map(([key, item]) => {
    if (key === 'identity') return [key, 'worker'];
    if (key === 'stackTrace') return [key, ''];
    if (key === 'data' && typeof item === 'string') return [key, anonymousPayload(item)];
    return [key, withoutMachine(item)];
  });
  return Object.fromEntries(entries);
}

const anonymous = (text: string): string => text.replaceAll(hostname(), 'host');

function anonymousPayload(base64: string): string {
  const text = Buffer.from(base64, 'base64').toString('utf8');
  return Buffer.from(text.replaceAll(SAMPLE_DOCUMENTS, '/knowledge-base/refund-policy')).toString('base64');
}
