// Data minimisation where a run passes: what a real model server receives when a policy demands masks, what the requester, approvers and
// tools get back, and what is left in traces. Every request is kept as it came over the wire.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool } from '../../activities/tools/index.ts';
import type { RunHandle } from '../../client/index.ts';
import { nextApproval } from '../../testing/index.ts';
import type { Reply, TraceRecord } from '../../workflows/protocol/index.ts';
import { itReplaysEveryHistory, OPERATOR, STAFF, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import type { ChatRequest, ModelServer } from '../support/model-server.ts';
import { startModelServer } from '../support/model-server.ts';

const CARD = '4111 1111 1111 1111';
const HIDDEN_CARD = '5555\u200b5555\u00a05555\u20114444';
const IBAN = 'DE89 3704 0044 0532 0130 00';
const EMAIL = 'ada.lovelace@example.com';
const PHONE = '+49 30 901820';
const SECRET = 'ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8';
const VALUES = [CARD, '4111', HIDDEN_CARD, '5555', IBAN, '0532', EMAIL, 'lovelace', PHONE, '901820', SECRET];

const ASKED = 'Who gets the bicycle back, and to which account is its deposit paid?';
const SENTENCE = `The deposit of a bicycle is paid back by ${EMAIL} to the account ${IBAN} within 14 days.`;

const paid: unknown[] = [];
const tools = [
  defineTool({
    name: 'find_customer',
    description: 'Finds a customer.',
    input: z.object({ email: z.string() }),
    risk: 'low',
    idempotent: true,
    run: async ({ email }) => ({ email, card: 4111111111111111, iban: IBAN, token: SECRET, note: `line\n${PHONE}` }),
  }),
  defineTool({
    name: 'pay_back',
    description: 'Pays back.',
    input: z.object({ card: z.string(), cents: z.number() }),
    risk: 'high',
    idempotent: true,
    preview: ({ card, cents }) => `Pay ${cents} cents back to ${card}`,
    run: async (args) => {
      paid.push(args);
      return { paid: true };
    },
  }),
];

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer();
});
const release = (name: string, more = ''): Record<string, string> => ({
  [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\nmodel: remote\n${more}`,
  [`${name}/prompt.md`]: 'Answer from the passages.',
});
const engine = useEngine({
  tools,
  approvers: { manager: ['refund-approvers'] },
  policy: (own) => `${own.replace(/@id\("sensitive-values-are-masked"\)[^;]*;/, '')}
@id("everything-is-masked")
@mask("secret, card, iban, national-id, phone, email")
@restore("card, email")
permit (principal, action == Action::"send_to_model", resource)
when { !context.detected.isEmpty() && context.release != "open@1.0.0" };

@id("no-secrets-for-strict")
forbid (principal, action == Action::"send_to_model", resource)
when { context.release == "strict@1.0.0" && resource.remote && context.detected.contains("secret") };

@id("no-cards-are-asked-for")
forbid (principal, action == Action::"ask", resource)
when { resource.name == "strict" && context.detected.contains("card") };
`,
  releases: () => ({
    'models.yaml': `v: 1\nmodels:\n  remote: { provider: openai-compatible, model: m, base_url: "${server.url}" }\n`,
    ...release('desk', 'retrieval: { collection: files, min_score: 0.2 }\n'),
    // What its requester wrote comes back as it was, hidden characters among it.
    ...release('rewrite', 'policy: { checks: { characters: false } }\n'),
    ...release('open'),
    ...release('strict'),
    ...release('agent', 'risk: high\ntools: [find_customer, pay_back]\n'),
  }),
});
beforeAll(async () => {
  const folder = join(engine.home, 'files');
  mkdirSync(folder);
  writeFileSync(join(folder, 'bicycle.md'), `# Bicycles\n\n${SENTENCE}\n`);
  const run = await engine.client.ingest({ path: folder, collection: 'files' }, { principal: OPERATOR });
  expect(await run.result()).toMatchObject({ documents: 1 });
});
let before = 0;
afterEach(() => {
  server.assertAllScripted();
  before = server.requests.length;
});
afterAll(() => server.close());

const sent = (): readonly string[] => server.requests.slice(before).map(({ text }) => text);
const lastOf = (body: ChatRequest): string => body.messages.at(-1)?.content ?? '';
/** The first token of a kind in what a model was shown. */
const tokenIn = (body: ChatRequest, kind: string): string =>
  new RegExp(`\\[${kind}_[A-P]{12}(?:\\.[A-P]{4})?\\]`).exec(JSON.stringify(body.messages))?.[0] ?? `no ${kind}`;
const expectNothingIn = (requests: readonly string[]): void => {
  expect(requests.length).toBeGreaterThan(0);
  for (const request of requests) {
    for (const value of VALUES) expect(request).not.toContain(value);
    expect(request).not.toContain(JSON.stringify(HIDDEN_CARD).slice(1, -1));
  }
};
const textOf = (reply: Reply): string => (reply.kind === 'answered' ? reply.text : JSON.stringify(reply));
const ask = async (question: string, using: string): Promise<RunHandle> =>
  await engine.ask(question, { as: STAFF, release: using });
const traceOf = async (run: RunHandle): Promise<TraceRecord> => {
  const trace = await run.trace();
  if (trace === undefined) throw new Error(`run ${run.id} has no trace`);
  return trace;
};

describe('an answer', () => {
  it('quotes what the requester may see, of a passage that the model saw masked, in the same 16 events', async () => {
    server.script((body) => {
      const shown = lastOf(body);
      const [sentence = ''] = /The deposit of a bicycle.*?days\./.exec(shown) ?? [];
      return `"${sentence}" [1]`;
    });
    const run = await ask(ASKED, 'desk');
    const reply = await run.result();
    expect(textOf(reply)).toMatch(
      /^"The deposit of a bicycle is paid back by ada\.lovelace@example\.com to the account \[IBAN_[A-P]{12}\.[A-P]{4}\] within 14 days\." \[1\]$/,
    );
    expect(reply).toMatchObject({ citations: [{ n: 1, quote: expect.stringContaining('[IBAN_') }] });
    expectNothingIn(sent());
    expect((await run.history()).events?.length).toBe(16);
    const trace = await traceOf(run);
    expect(trace).toMatchObject({
      detected: { iban: 1, email: 1 },
      masked: { iban: 1, email: 1 },
      verdicts: [{ action: 'retrieve' }, { action: 'send_to_model', decision: 'allow-with', mask: ['iban', 'email'] }],
    });
    for (const value of VALUES) expect(JSON.stringify(trace)).not.toContain(value);
    await golden('answer-masked', run);
  });

  it('with a changed value in its quote is repaired, and no request shows one', async () => {
    server.script(
      (body) =>
        `"The deposit of a bicycle is paid back by [EMAIL_AAAAAAAAAAAA] to the account ${tokenIn(body, 'IBAN')}" [1]`,
      (body) => {
        expect(lastOf(body)).toContain('do not stand word for word');
        return `"paid back by ${tokenIn(body, 'EMAIL')} to the account ${tokenIn(body, 'IBAN')} within 14 days." [1]`;
      },
    );
    const run = await ask(`${ASKED} I am ${EMAIL}, my card is ${HIDDEN_CARD}.`, 'desk');
    expect(textOf(await run.result())).toMatch(/^"paid back by ada\.lovelace@example\.com to the account \[IBAN_/);
    expect(await traceOf(run)).toMatchObject({ repairs: 1, detected: { email: 2, card: 1 } });
    expect(sent()).toHaveLength(2);
    expectNothingIn(sent());
  });

  it('gives the requester back their own words, but for secrets', async () => {
    server.script((body) => `Dear ${tokenIn(body, 'EMAIL')}: ${lastOf(body)}`);
    const question = `I am ${EMAIL}, card ${HIDDEN_CARD}, key ${SECRET}; [CARD_ABCDEFGHIJKL] is no card.`;
    const run = await ask(question, 'rewrite');
    const text = textOf(await run.result());
    expect(text).toMatch(/key \[SECRET_[A-P]{12}\];/);
    expect(text.replace(/\[SECRET_[A-P]{12}\]/, SECRET)).toBe(`Dear ${EMAIL}: ${question}`);
    expectNothingIn(sent());
    expect(sent()[0]).not.toContain('[CARD_ABCDEFGHIJKL]');
  });
});

describe('an agent', () => {
  it('works on masks: results are hidden, people approve and tools get the real value', async () => {
    server.script(
      (body) => ({
        text: null,
        finishReason: 'tool_calls',
        toolCalls: [callOf('1', 'find_customer', { email: tokenIn(body, 'EMAIL') })],
      }),
      (body) => ({
        text: `Found ${tokenIn(body, 'PHONE')}.`,
        finishReason: 'tool_calls',
        toolCalls: [callOf('2', 'pay_back', { card: tokenIn(body, 'CARD'), cents: 500 })],
      }),
      (body) => `Paid back to ${tokenIn(body, 'CARD')}, ${tokenIn(body, 'IBAN')} and ${tokenIn(body, 'SECRET')}.`,
    );
    const run = await engine.client.agent({ task: `Pay ${EMAIL} back` }, { release: 'agent', principal: STAFF });
    const signer = engine.approver('manager');
    const waiting = await nextApproval(engine.client, run);
    expect(waiting).toMatchObject({ request: { preview: 'Pay 500 cents back to 4111111111111111' } });
    await engine.client.approvals.decide(waiting.id, { decision: 'approve', signer });
    expect(textOf(await run.result())).toMatch(
      /^Paid back to 4111111111111111, \[IBAN_\S+\] and \[SECRET_[A-P]{12}\]\.$/,
    );
    expect(paid).toEqual([{ card: '4111111111111111', cents: 500 }]);
    expect(sent()).toHaveLength(3);
    expectNothingIn(sent());
    await golden('agent-masked', run);
  });
});

describe('a policy', () => {
  it('that forbids a kind keeps the request from the model, and the trace says which', async () => {
    const run = await ask(`My key is ${SECRET}`, 'strict');
    const reply = await run.result();
    expect(reply).toMatchObject({
      kind: 'refused',
      reason: 'policy-denied',
      message:
        'The access policy does not let this request go to remote (confidential-text-stays-here, no-secrets-for-strict).',
    });
    expect(sent()).toEqual([]);
    expect(await traceOf(run)).toMatchObject({ policy_result: 'deny', detected: { secret: 1 }, masked: {} });
  });

  it('that forbids a kind in what is asked refuses at admission', async () => {
    const run = await ask(`My card is ${CARD}`, 'strict');
    expect(await run.result()).toMatchObject({
      reason: 'policy-denied',
      message: 'You may not ask here (no-cards-are-asked-for).',
    });
    expect(sent()).toEqual([]);
  });

  it('that demands no mask lets an address through as it is', async () => {
    server.script((body) => lastOf(body));
    const run = await ask(`Write to ${EMAIL}`, 'open');
    expect(textOf(await run.result())).toBe(`Write to ${EMAIL}`);
    expect(sent()[0]).toContain(EMAIL);
    const trace = await traceOf(run);
    expect(trace).toMatchObject({ detected: { email: 1 }, masked: {} });
  });
});

it('text that holds nothing is not changed by a byte, and the trace does not speak of it', async () => {
  const question =
    'Order 48213 of 2026-11-26:\r\n\u201cIt\u2019s [1]\u201d \u2014 5\u00a0% \u200bof \u00c4pfel, [EMAIL_1], a@b, 978-3-16-148410-0';
  server.script((body) => lastOf(body));
  const run = await ask(question, 'rewrite');
  expect(textOf(await run.result())).toBe(question);
  const [body] = sent();
  expect((JSON.parse(body ?? '') as ChatRequest).messages.at(-1)?.content).toBe(question);
  const trace = await traceOf(run);
  expect(trace).not.toHaveProperty('detected');
  expect(trace).not.toHaveProperty('masked');
});

const callOf = (id: string, name: string, args: object): object => ({
  id,
  type: 'function',
  function: { name, arguments: JSON.stringify(args) },
});

itReplaysEveryHistory(engine);
