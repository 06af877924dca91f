// Content of ten megabytes, wherever it comes from: a document, a model, a tool, a question. Each run ends in order, histories stay
// small, and the worker goes on with what else it has to do. With real servers all the way.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunHandle } from '../../client/index.ts';
import { scriptedModel } from '../../testing/index.ts';
import {
  Failure,
  LONG_DRAFT_CHARS,
  MAX_DRAFT_BYTES,
  MAX_QUESTION_BYTES,
  MAX_TOOL_RESULTS_CHARS_SHOWN,
} from '../../workflows/protocol/index.ts';
import { CUSTOMER, itReplaysEveryHistory, OPERATOR, STAFF, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import type { ModelServer } from '../support/model-server.ts';
import { startModelServer } from '../support/model-server.ts';
import { testTools } from '../support/test-tools.ts';

const KIB = 1024;
const MEGABYTES = 10 * KIB * KIB;
const NEEDLE = 'The zanzibar clause allows returns within 451 days.';
const ASKED = 'What does the zanzibar clause allow?';
/** What Temporal takes for a worker that is gone is 10 seconds; an Update should not wait for one. */
const LONGEST_STALL_MS = 2_000;
const LONGEST_STALL_OF_TEN_MS = 5_000;
/** A hundred megabytes go through every check, one reply at a time. */
const TEN_MS = 180_000;
/** Of this process, which is worker, client and provider in one and holds each reply several times. */
const MOST_MEMORY_OF_TEN = 3 * KIB * KIB * KIB;

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer();
});
const scripted = scriptedModel();
const { tools } = testTools();
const engine = useEngine({
  tools,
  models: { scripted },
  releases: () => ({
    'models.yaml': `v: 1
models:
  paid: { provider: openai-compatible, model: m, base_url: "${server.url}" }
  scripted: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }
`,
    'desk/manifest.yaml':
      'name: desk\nversion: 1.0.0\nmodel: paid\nretrieval: { collection: contracts, min_score: 0.2 }\n',
    'desk/prompt.md': 'Answer from the passages.',
    'rewrite/manifest.yaml': 'name: rewrite\nversion: 1.0.0\nmodel: paid\n',
    'rewrite/prompt.md': 'Rewrite politely.',
    'agent/manifest.yaml':
      'name: agent\nversion: 1.0.0\nmodel: scripted\ntools: [big, look_up, page]\nbudgets: { max_tool_calls: 30 }\n',
    'agent/prompt.md': 'Do what is asked.',
  }),
});
afterAll(async () => {
  await server.close();
});

let delay: ReturnType<typeof monitorEventLoopDelay>;
beforeEach(() => {
  delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
});
afterEach(() => {
  delay.disable();
});
/** How long this process, which is worker, client and servers in one, did nothing else at a stretch. */
const longestStallMs = (): number => Math.round(delay.max / 1e6);

/** Prose of so many bytes: sentences of words that a vocabulary of some thousand makes. */
function prose(bytes: number): string {
  const sentences: string[] = [];
  for (let n = 0, length = 0; length < bytes; n++) {
    const words = Array.from({ length: 12 }, (_, i) => `word${(n * 7919 + i * 104_729) % 5003}`).join(' ');
    const sentence = `${words}.${n % 8 === 7 ? '\n\n' : ' '}`;
    sentences.push(sentence);
    length += sentence.length;
  }
  return sentences.join('').slice(0, bytes);
}

async function ingest(collection: string, text: string) {
  const path = join(engine.home, collection);
  mkdirSync(path);
  writeFileSync(join(path, 'contract.md'), text);
  const run = await engine.client.ingest({ path, collection }, { principal: OPERATOR });
  return { run, report: await run.result() };
}

const attemptsOf = async (run: RunHandle<unknown>): Promise<readonly number[]> =>
  (await run.timeline()).steps.map(({ attempts }) => attempts);
const bytesOf = async (run: RunHandle<unknown>): Promise<number> => (await run.timeline()).bytes;

describe('a document of 10 MB', () => {
  it('is ingested whole, each step at its first attempt, and found at its very end', async () => {
    const text = `${prose(MEGABYTES)}\n\n${NEEDLE}\n`;
    const { run, report } = await ingest('contracts', text);
    expect(report).toMatchObject({ documents: 1, skippedCount: 0 });
    expect(report.chunks).toBeGreaterThan(MEGABYTES / 1600);
    expect(new Set(await attemptsOf(run))).toEqual(new Set([1]));
    expect(await bytesOf(run)).toBeLessThan(20 * KIB);
    expect(longestStallMs()).toBeLessThan(LONGEST_STALL_MS);

    server.script(`"${NEEDLE}" [1]`);
    const asked = await engine.client.answer({ question: ASKED }, { release: 'desk', principal: CUSTOMER });
    expect(await asked.result()).toMatchObject({
      kind: 'answered',
      citations: [{ docId: 'contract.md', end: text.length - 1, quote: NEEDLE }],
    });
  });
});

const ask = async (question: string, release = 'rewrite') =>
  await engine.client.answer({ question }, { release, principal: CUSTOMER });

describe('a reply of 10 MB', () => {
  it('is paid once, checked, and comes back whole; the history has references', async () => {
    const text = prose(MEGABYTES);
    server.script(text);
    const paid = server.paid;
    const run = await ask('Rewrite this at length.');
    const reply = await run.result();
    expect(reply.kind).toBe('answered');
    expect(reply.kind === 'answered' && reply.text === text).toBe(true);
    expect(server.paid - paid).toBe(1);
    expect(new Set(await attemptsOf(run))).toEqual(new Set([1]));
    expect(await bytesOf(run)).toBeLessThan(20 * KIB);
    expect(longestStallMs()).toBeLessThan(LONGEST_STALL_MS);
  });

  it('that cites is checked quote by quote, and one that fails is repaired from a part of it', async () => {
    const good = `The page says: "${NEEDLE}" [1], as we know.\n\n`;
    const long = good.repeat(MEGABYTES / good.length);
    server.script(`${long}Or "The zanzibar clause allows returns within 452 days." [1]`, (body) => {
      const [draft, reasons] = body.messages.slice(-2);
      expect(draft?.content?.length).toBeLessThan(300 * KIB);
      expect(draft?.content).toContain('[cut: ');
      expect(reasons?.content).toContain('do not stand word for word');
      return long;
    });
    const run = await ask(ASKED, 'desk');
    expect(await run.result()).toMatchObject({ kind: 'answered', citations: [{ n: 1, quote: NEEDLE }] });
    expect(await run.trace()).toMatchObject({ repairs: 1 });
    expect(await bytesOf(run)).toBeLessThan(20 * KIB);
    expect(longestStallMs()).toBeLessThan(LONGEST_STALL_MS);
  });

  it('above the limit ends the run as failed, says why, and is not paid again', async () => {
    server.script('x'.repeat(MAX_DRAFT_BYTES + 1));
    const { paid, requests } = server;
    const before = { paid, requests: requests.length };
    const run = await ask('Rewrite this at more length.');
    const reply = await run.result();
    expect(reply).toMatchObject({ kind: 'failed', code: Failure.ModelReplyTooLong });
    expect(reply.kind === 'failed' && reply.message).toContain(`${MAX_DRAFT_BYTES + 1} bytes`);
    expect({ paid: server.paid - before.paid, requests: server.requests.length - before.requests }).toEqual({
      paid: 1,
      requests: 1,
    });
    expect(await run.trace()).toMatchObject({ outcome: 'failed', outcome_detail: Failure.ModelReplyTooLong });
  });
});

describe('a reply of 256 KiB', () => {
  const validatedBy = async (run: RunHandle) =>
    (await run.timeline()).steps.find(({ step }) => step === 'validate')?.kind;

  it('is checked by a local step, and a longer one by a regular activity, which an Update does not wait for', async () => {
    server.script('x'.repeat(LONG_DRAFT_CHARS), 'x'.repeat(LONG_DRAFT_CHARS + 1));
    const short = await ask('Rewrite this.');
    expect(await short.result()).toMatchObject({ kind: 'answered' });
    expect(await validatedBy(short)).toBe('local');
    const long = await ask('Rewrite this, a little longer.');
    expect(await long.result()).toMatchObject({ kind: 'answered' });
    expect(await validatedBy(long)).toBe('activity');
    await golden('answer-long-draft', long);
  });
});

describe('ten replies of 10 MB at once', () => {
  it(
    'are all given out, none is paid twice, and others are answered meanwhile',
    async () => {
      const questions = Array.from({ length: 10 }, (_, i) => `Rewrite number ${i} at length.`);
      const text = prose(MEGABYTES);
      const paid = server.paid;
      server.script(...questions.map(() => text), 'In short.');
      const runs = [];
      for (const question of questions) runs.push(await ask(question));
      // Scripted last, so it is answered once all the others are on their way.
      await vi.waitFor(() => expect(server.left).toBe(1), { timeout: 60_000 });
      const short = await ask('And this in short.');
      expect(await short.result()).toMatchObject({ kind: 'answered', text: 'In short.' });
      let mostBytes = 0;
      for (const run of runs) {
        const reply = await run.result();
        expect(reply.kind === 'answered' && reply.text === text).toBe(true);
        mostBytes = Math.max(mostBytes, process.memoryUsage.rss());
      }
      expect(longestStallMs()).toBeLessThan(LONGEST_STALL_OF_TEN_MS);
      expect(mostBytes).toBeLessThan(MOST_MEMORY_OF_TEN);
      expect(server.paid - paid).toBe(11);
      for (const run of runs) {
        expect(new Set(await attemptsOf(run))).toEqual(new Set([1]));
        expect(await bytesOf(run)).toBeLessThan(20 * KIB);
      }
    },
    TEN_MS,
  );
});

describe('a tool that gives back 10 MB', () => {
  it('is done; the result is kept whole, and the model sees how it begins and how long it is', async () => {
    scripted.script('get B-1', [
      { text: '', calls: [{ tool: 'big', args: { order: 'B-1' } }] },
      { text: '', calls: [{ tool: 'look_up', args: { order: 'B-1' } }] },
      ({ prompt }) => {
        const [big, found] = prompt.messages.flatMap(({ parts }) => parts.filter(({ resultOf }) => resultOf));
        expect(big?.origin).toBe('tool:big');
        const shown = JSON.parse(big?.text ?? '') as { status: string; message: string; result: string };
        expect(shown).toMatchObject({ status: 'done', result: `"${'x'.repeat(19_999)}` });
        expect(shown.message).toBe('The result has 10485762 bytes; these are its first 20000 characters.');
        expect(found?.text).toContain('"cents":1290');
        return 'Got it.';
      },
    ]);
    const run = await engine.client.agent({ task: 'get B-1' }, { release: 'agent', principal: STAFF });
    expect(await run.result()).toMatchObject({ kind: 'answered', text: 'Got it.' });
    const effects = await engine.client.effects.list({ runId: run.id });
    const big = effects.find(({ tool }) => tool === 'big');
    const kept = big && (await engine.client.effects.get(big.effectKey));
    expect(kept).toMatchObject({ state: 'done', attempts: 1, bytes: MEGABYTES + 2 });
    expect(kept?.result === 'x'.repeat(MEGABYTES)).toBe(true);
    expect(await bytesOf(run)).toBeLessThan(40 * KIB);
    expect(longestStallMs()).toBeLessThan(LONGEST_STALL_MS);
  });
});

describe('results of tools that are more than a prompt has room for', () => {
  it('are shown in part, the latest first, each with its length and cut between characters', async () => {
    const orders = Array.from({ length: 26 }, (_, i) => `P-${i}`);
    let shown: readonly string[] = [];
    scripted.script('get all pages', [
      { text: '', calls: orders.map((order) => ({ tool: 'page', args: { order } })) },
      ({ prompt }) => {
        shown = prompt.messages
          .flatMap(({ parts }) => parts.filter(({ resultOf }) => resultOf))
          .map((part) => part.text);
        return 'Read.';
      },
    ]);
    const run = await engine.client.agent({ task: 'get all pages' }, { release: 'agent', principal: STAFF });
    expect(await run.result()).toMatchObject({ kind: 'answered', text: 'Read.' });
    expect(shown).toHaveLength(orders.length);
    const read = shown.map((text) => JSON.parse(text) as { status: string; message: string; result: string });
    expect(read.every(({ status, result }) => status === 'done' && result.isWellFormed())).toBe(true);
    expect(read.at(-1)?.result).toMatch(/^"P-25 (😀){9997}$/u);
    expect(read.at(-1)?.message).toBe('The result has 60007 bytes; these are its first 20000 characters.');
    expect(read[9]?.result).toMatch(/^"P-9 (😀){9997}$/u);
    expect(read[9]?.message).toBe('The result has 60006 bytes; these are its first 19999 characters.');
    expect(read[0]?.message).toBe('The result has 60006 bytes; these are its first 0 characters.');
    const wrappers = orders.length * 200;
    expect(shown.join('').length).toBeLessThan(MAX_TOOL_RESULTS_CHARS_SHOWN + wrappers);
    expect(shown.join('').length).toBeGreaterThan(MAX_TOOL_RESULTS_CHARS_SHOWN - wrappers);
  });
});

describe('a question', () => {
  it('of 10 MB is refused before there is a run, with what to do', async () => {
    const runs = (await engine.runIds()).length;
    const refused = engine.client.answer({ question: prose(MEGABYTES) }, { release: 'desk', principal: CUSTOMER });
    await expect(refused).rejects.toMatchObject({
      message: expect.stringContaining('10,485,760 bytes'),
      hint: expect.stringContaining('Ingest long texts'),
    });
    expect((await engine.runIds()).length).toBe(runs);
  });

  const mail = prose(MAX_QUESTION_BYTES);

  it('as long as a question may be goes to the model whole', async () => {
    server.script((body) => (body.messages.at(-1)?.content === mail ? 'Understood.' : 'It was cut.'));
    const run = await ask(mail);
    expect(await run.result()).toMatchObject({ kind: 'answered', text: 'Understood.' });
    expect(await bytesOf(run)).toBeLessThan(20 * KIB);
  });

  it('of thousands of words is searched for within the time of a local step', async () => {
    const run = await ask(mail, 'desk');
    // No five passages cover what a mail of this length speaks of.
    expect(await run.result()).toMatchObject({ kind: 'refused' });
    const retrieved = (await run.timeline()).steps.find(({ step }) => step === 'retrieve');
    expect(retrieved).toMatchObject({ kind: 'local', attempts: 1 });
    expect(await bytesOf(run)).toBeLessThan(20 * KIB);
    expect(longestStallMs()).toBeLessThan(LONGEST_STALL_MS);
  });
});

itReplaysEveryHistory(engine);
