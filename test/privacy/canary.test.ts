// Nothing in clear: a word that people, models, tools and errors say is looked for in everything that is stored or logged, in every
// form it could have. The same search finds it when the codec is off, and finds other words where they are.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { z } from 'zod';
import { defineTool, ToolFailure } from '../../activities/tools/index.ts';
import type { TemporalServer } from '../../cli/stack/temporal-server.ts';
import { startTemporal } from '../../cli/stack/temporal-server.ts';
import type { RunHandle } from '../../client/index.ts';
import { createLogger } from '../../runtime/logger.ts';
import { plainConverter } from '../../runtime/payloads/data-converter.ts';
import { decideNext, scriptedModel } from '../../testing/index.ts';
import { pure } from '../../worker/index.ts';
import { createSdkLogger } from '../../worker/sdk-logger.ts';
import type { Engine } from '../support/engine.ts';
import { STAFF, useEngine } from '../support/engine.ts';
import { temporalBinary } from '../support/services.ts';

/** Whose mail nobody else may read. */
const canary = (of: string): string => `kanarie-${of}-7b1c9e`;
/** In clear, in hex (bytes of PostgreSQL), in base64 at each of its three places, in UTF-16. */
function formsOf(word: string): readonly string[] {
  const bytes = Buffer.from(word);
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    // Without the characters that neighbours share.
    return text.slice(Math.ceil((shift * 4) / 3) + 1, -4);
  });
  return [word, bytes.toString('hex'), ...base64, Buffer.from(word, 'utf16le').toString('latin1')];
}

const folder = mkdtempSync(join(tmpdir(), 'countersign-canary-'));
const logLines: string[] = [];
const log = createLogger({ name: 'canary', logLevel: 'trace' }, { write: (line) => void logLines.push(line) });
const sdkLog = (): void => {
  Runtime.install({
    logger: createSdkLogger(log),
    telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'DEBUG', other: 'WARN' }) } },
  });
};

let temporal: TemporalServer;
beforeAll(async () => {
  temporal = await startTemporal({ home: folder, binary: temporalBinary() });
});
afterAll(async () => {
  await temporal.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Everything a run can say, said with the word. */
function scene(name: string, more: { readonly dataConverter?: DataConverter }) {
  const word = canary(name);
  const order = z.object({ address: z.string() });
  const tools = [
    defineTool({
      name: 'write_to',
      description: 'Writes to somebody.',
      input: order,
      risk: 'high',
      idempotent: true,
      preview: ({ address }) => `Write to ${address}`,
      run: async ({ address }) => ({ receipt: `sent to ${address}` }),
      receipt: ({ receipt }) => receipt,
    }),
    defineTool({
      name: 'look_up',
      description: 'Looks somebody up.',
      input: order,
      risk: 'low',
      idempotent: true,
      run: async ({ address }) => {
        throw new ToolFailure(`nobody lives at ${address}`);
      },
    }),
    defineTool({
      name: 'crash',
      description: 'Fails.',
      input: order,
      risk: 'low',
      run: async ({ address }) => {
        throw new Error(`crashed over ${address}`);
      },
    }),
  ];
  const names = tools.map(({ definition }) => definition.name).join(', ');
  const failing = async (text: string): Promise<number> => {
    throw Object.assign(new Error(`no length of ${text}`), { details: text, cause: new Error(text) });
  };
  const model = scriptedModel({
    [`Write to ${word}`]: [
      { text: `I look ${word} up.`, calls: [{ tool: 'look_up', args: { address: word } }] },
      { text: `I try ${word}.`, calls: [{ tool: 'crash', args: { address: word } }] },
      { text: `I write to ${word}.`, calls: [{ tool: 'write_to', args: { address: word } }] },
      `${word} has mail.`,
    ],
    [`Leave ${word} alone`]: [{ calls: [{ tool: 'write_to', args: { address: word } }] }, `${word} has no mail.`],
  });
  const engine = useEngine({
    workflowsPath: fileURLToPath(new URL('../workflows/flows/payloads.ts', import.meta.url)),
    activities: { makeText: pure(async () => `${word} `.repeat(1000)), lengthOf: pure(failing) },
    tools,
    models: { scripted: model },
    releases: () => ({
      'models.yaml':
        'v: 1\nmodels:\n  scripted: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
      'desk/manifest.yaml': `name: desk\nversion: 1.0.0\nmodel: scripted\ntools: [${names}]\n`,
      'desk/prompt.md': 'Do what is asked.',
    }),
    approvers: { manager: ['refund-approvers'] },
    temporal: () => temporal.address,
    sdkLog: name === 'sealed' ? sdkLog : () => {},
    log,
    ...more,
  });
  const options = { release: 'desk', principal: STAFF, subject: word };

  it('runs, and everybody says the word', async () => {
    const run = await engine.client.agent({ task: `Write to ${word}` }, { ...options, idempotencyKey: word });
    const signer = engine.approver('manager');
    await decideNext(engine.client, run, { signer, reason: `${word} asked for it` });
    expect(await run.result()).toMatchObject({ kind: 'answered', text: `${word} has mail.` });
    const rejected = await engine.client.agent({ task: `Leave ${word} alone` }, options);
    await decideNext(engine.client, rejected, { signer, decision: 'reject', reason: `not ${word}`, via: 'signal' });
    expect(await rejected.result()).toMatchObject({ kind: 'answered', text: `${word} has no mail.` });

    const much = await engine.client.start('carriesMuch', { bytes: 1, secret: word }, options);
    expect(await much.result()).toMatchObject({ kind: 'clarify' });
    // An activity that fails with the word is tried for good: it is cancelled once it has.
    const failed = await engine.client.start('usesItFiveTimes', { bytes: 1 }, options);
    await until(failed, (event) => (event.activityTaskStartedEventAttributes?.attempt ?? 0) > 1 || undefined, engine);
    await failed.cancel();
    expect(await failed.result().catch(() => 'cancelled')).toBe('cancelled');
    // A bug in a flow: its workflow task fails until it is mended.
    const bug = await engine.client.start('throwsWhatItWasGiven', { secret: word }, options);
    await until(bug, (event) => event.workflowTaskFailedEventAttributes ?? undefined, engine);
    expect((await engine.client.effects.list({ runId: run.id })).map(({ receipt }) => receipt)).toContain(
      `sent to ${word}`,
    );
  });
  return { word, engine };
}

type Event = NonNullable<Awaited<ReturnType<RunHandle['history']>>['events']>[number];

/** Waits until an event of the run, or a pending activity of it, shows what is waited for. */
async function until(run: RunHandle, seen: (event: Event) => unknown, engine: Engine): Promise<void> {
  await vi.waitFor(
    async () => {
      const { events = [] } = await run.history({ encoded: true });
      const pending = logLines.some((line) => line.includes(run.id) && line.includes('Activity failed'));
      expect(events?.some((event) => seen(event) !== undefined) || pending).toBe(true);
    },
    { timeout: 30_000, interval: 100 },
  );
  expect(engine.home).not.toBe('');
}

function filesBelow(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** A server that runs makes and removes files of its own meanwhile. */
function readOrGone(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return '';
    throw error;
  }
}

/** Names of the files that hold the word in one of its forms. */
function filesWith(word: string, path: string): readonly string[] {
  const forms = formsOf(word);
  return filesBelow(path).filter((file) => {
    const text = readOrGone(file);
    return forms.some((form) => text.includes(form));
  });
}

/** Tables that hold it, as PostgreSQL gives them out: what it compresses is not in its files in clear. */
async function tablesWith(word: string, engine: Engine): Promise<readonly string[]> {
  const owner = engine.sql('owner');
  const tables = await owner<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = 'countersign' order by 1`;
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await owner<{ text: string }[]>`select row_to_json(t)::text as text from ${owner(name)} t`;
    if (rows.some(({ text }) => formsOf(word).some((form) => text.includes(form)))) found.push(name);
  }
  return found;
}

describe('with the codec', () => {
  const { word, engine } = scene('sealed', {});

  it('Temporal has it nowhere in its database: histories, failures, search attributes, memos', () => {
    expect(filesWith(word, folder)).toEqual([]);
  });

  it('the ledger has it in no table, and in no file of PostgreSQL', async () => {
    expect(await tablesWith(word, engine)).toEqual([]);
    await engine.sql('owner')`select pg_switch_wal()`.catch(() => {});
    expect(filesWith(word, inject('databaseHome'))).toEqual([]);
  });

  it('no line of a log has it', () => {
    expect(logLines.length).toBeGreaterThan(20);
    expect(logLines.some((line) => line.includes('TypeError'))).toBe(true);
    // Ids at the finest level, where the SDK hands over all it has.
    expect(logLines.some((line) => line.includes('Got workflow activation'))).toBe(true);
    const found = logLines.filter((line) => formsOf(word).some((form) => line.includes(form)));
    expect(found.map((line) => line.slice(0, 300))).toEqual([]);
  });

  it('the search finds other words where they are: in Temporal, in tables, in files, in logs', async () => {
    const [row] = await engine.sql('owner')<{ run_id: string }[]>`select run_id from start_ledger limit 1`;
    const id = row?.run_id ?? '';
    expect(filesWith(id, folder)).not.toEqual([]);
    expect(await tablesWith(id, engine)).toContain('start_ledger');
    expect(filesWith(id, inject('databaseHome'))).not.toEqual([]);
    expect(logLines.some((line) => line.includes('default/agent/'))).toBe(true);
    expect(formsOf('abcdefghij').map((form) => form.length)).toEqual(expect.arrayContaining([10, 20]));
    for (const before of ['', 'x', 'xy']) {
      const text = Buffer.from(`${before}abcdefghijklm and more`).toString('base64');
      expect(formsOf('abcdefghijklm').some((form) => text.includes(form))).toBe(true);
    }
  });
});

describe('without the codec', () => {
  const { word, engine } = scene('plain', { dataConverter: plainConverter });

  it('the same search finds it in Temporal’s database', () => {
    expect(filesWith(word, folder).map((file) => file.replace(`${folder}/`, ''))).toEqual(
      expect.arrayContaining([expect.stringMatching(/^temporal\.db/)]),
    );
  });

  it('and the ledger, which seals what it keeps by itself, has it in no table all the same', async () => {
    expect(await tablesWith(word, engine)).toEqual([]);
  });
});
