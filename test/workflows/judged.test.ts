// Checks that are paid for: an endpoint that moderates question and answer, and a model that judges the answer, last. Real servers throughout.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunHandle } from '../../client/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { COLLECTION, itReplaysEveryHistory, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import type { ModelServer, RawAnswer, Script } from '../support/model-server.ts';
import { startModelServer } from '../support/model-server.ts';

const QUESTION = 'When is my refund paid after the return is checked?';
const GOOD =
  '"Refunds are paid to the original payment method within 5 to 7 business days after the return is checked." [1]';

let writer: ModelServer;
let judge: ModelServer;
let moderation: ModelServer;
beforeAll(async () => {
  [writer, judge, moderation] = [await startModelServer(), await startModelServer(), await startModelServer()];
});
const engine = useEngine({ releases });
beforeAll(async () => {
  await (await engine.ingestSample()).result();
});
afterAll(async () => {
  for (const server of [writer, judge, moderation]) await server.close();
});

function releases(): Record<string, string> {
  const release = (name: string, policy: string) => ({
    [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\nmodel: writer\nretrieval: { collection: ${COLLECTION}, min_score: 0.5 }\npolicy: { ${policy} }\n`,
    [`${name}/prompt.md`]: 'Answer from the passages.',
  });
  const moderated = 'moderation: { model: guard }';
  return {
    'models.yaml': `v: 1
models:
  writer: { provider: openai-compatible, model: w, base_url: "${writer.url}" }
  judge: { provider: openai-compatible, model: j, base_url: "${judge.url}", input_usd_per_million: 10, output_usd_per_million: 100 }
  keyless: { provider: openai-compatible, model: j, base_url: "${judge.url}", api_key_env: ABSENT_API_KEY }
moderations:
  guard: { provider: openai-compatible, model: g, base_url: "${moderation.url}", input_usd_per_million: 0 }
  away: { provider: openai-compatible, model: g, base_url: "http://127.0.0.1:9/v1" }
`,
    ...release('judged', 'checks: { judge: { model: judge, criteria: "It is polite." } }'),
    ...release('keyless', 'checks: { judge: { model: keyless } }'),
    ...release('moderated', `checks: { ${moderated} }`),
    ...release('unguarded', 'checks: { moderation: { model: away } }'),
    ...release('strict', 'checks: { moderation: { model: guard, max_score: 0.2 } }'),
    ...release('both', `checks: { ${moderated}, judge: { model: judge } }`),
  };
}

interface Replies {
  readonly says?: readonly Script[];
  readonly judges?: readonly Script[];
  readonly moderates?: readonly Script[];
}

async function ask(release: string, { says = [GOOD], judges = [], moderates = [] }: Replies, question = QUESTION) {
  writer.script(...says);
  judge.script(...judges);
  moderation.script(...moderates);
  const run = await engine.ask(question, { release });
  const reply = await run.result().catch((error: unknown) => error);
  for (const server of [writer, judge, moderation]) {
    server.assertAllScripted();
    expect(server.left).toBe(0);
  }
  return { run, reply };
}

/** A rating as the judge replies. */
const rates = (rating: number, reason = 'So it is.'): Script => JSON.stringify({ reason, rating });

/** One result a text: the score of `violence`. @param flagged @default above .5 */
function scores(...all: readonly number[]): RawAnswer {
  const results = all.map((score) => ({
    flagged: score > 0.5,
    categories: { violence: score > 0.5 },
    category_scores: { violence: score },
  }));
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ results }) };
}

const checksOf = async (run: RunHandle) => (await run.timeline()).steps.flatMap(({ checks = [] }) => checks);
const stepsOf = async (run: RunHandle) => (await run.timeline()).steps.map(({ step }) => step);

describe('a judge', () => {
  it('rates what has passed all other checks, by the criteria of the release, and is paid once', async () => {
    const { run, reply } = await ask('judged', { judges: [rates(4, 'Rather polite.')] });
    expect(reply).toMatchObject({ kind: 'answered', text: GOOD, citations: [{ n: 1 }] });
    expect((await checksOf(run)).at(-1)).toEqual({
      name: 'judged',
      passed: true,
      score: 0.75,
      threshold: 0.75,
      reason: 'openai-compatible/j rates it 4 of 5: Rather polite.',
    });
    const asked = judge.requests.at(-1)?.body;
    expect(asked?.messages.map(({ role }) => role)).toEqual(['system', 'user']);
    expect(asked?.messages[0]?.content).toContain('It is polite.');
    expect(asked?.messages[1]?.content).toContain('<passage n="1">');
    expect(asked?.messages[1]?.content).toContain(JSON.stringify({ question: QUESTION, answer: GOOD }));
    // A judge that reasons needs room for that.
    expect(asked?.['max_tokens']).toBeGreaterThanOrEqual(2_000);
    // 10 tokens in and 5 out.
    expect(await run.trace()).toMatchObject({ input_tokens: 20, output_tokens: 10 });
    expect(JSON.stringify(await run.history())).not.toContain('countersign.check');
    await golden('answer-judged', run);
  });

  it('that finds it wanting has it written again, and refuses without a word of its own', async () => {
    const { run, reply } = await ask('judged', {
      says: [GOOD, GOOD],
      judges: [rates(3, 'canary-4711'), rates(1, 'canary-4711')],
    });
    expect(reply).toMatchObject({
      kind: 'refused',
      reason: 'validation-failed',
      message: 'No answer passed validation: openai-compatible/j rates it 1 of 5; 4 are needed.',
    });
    expect(JSON.stringify(writer.requests.at(-1)?.body)).toContain('rates it 3 of 5; 4 are needed');
    expect(JSON.stringify(writer.requests.at(-1)?.body)).not.toContain('canary-4711');
    expect((await checksOf(run)).filter(({ name }) => name === 'judged')).toHaveLength(2);
  });

  it.each([
    ['no JSON', 'Five out of five!'],
    ['another rating', '{"reason": "", "rating": 6}'],
    ['no rating', '{"reason": "fine"}'],
    ['half a rating', '{"reason": "", "rating": 4.5}'],
  ])('that replies by %s keeps the answer back, and the model is not paid again for that', async (_, said) => {
    const { reply } = await ask('judged', { judges: [said] });
    expect(reply).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('the check judged got no rating from openai-compatible/j'),
    });
  });

  it('may put its reply into a fence', async () => {
    const { reply } = await ask('judged', { judges: [`\`\`\`json\n${rates(5)}\n\`\`\``] });
    expect(reply).toMatchObject({ kind: 'answered' });
  });

  it('is not asked of what has not passed', async () => {
    const { run, reply } = await ask('judged', {
      says: [GOOD.replace('5 to 7', '2 to 3'), GOOD],
      judges: [rates(5)],
    });
    expect(reply).toMatchObject({ kind: 'answered' });
    expect((await stepsOf(run)).filter((step) => step === 'judgeAnswer')).toHaveLength(1);
  });

  it('whose key is missing ends the run: nobody takes that for a refusal', async () => {
    const { reply } = await ask('keyless', {});
    expect(reply).toMatchObject({ kind: 'failed', code: Failure.ModelNotConfigured });
  });
});

describe('a moderation', () => {
  it('that flags nothing lets it go', async () => {
    const { run, reply } = await ask('moderated', { moderates: [scores(0.01, 0.02)] });
    expect(reply).toMatchObject({ kind: 'answered', text: GOOD });
    expect(moderation.requests.at(-1)?.body).toMatchObject({ model: 'g', input: [QUESTION, GOOD] });
    expect((await checksOf(run)).at(-1)).toMatchObject({
      name: 'moderated',
      passed: true,
      score: 0.98,
      threshold: null,
    });
    await golden('answer-moderated', run);
  });

  it('that flags the answer has it written again', async () => {
    const { reply } = await ask('moderated', { says: [GOOD, GOOD], moderates: [scores(0, 0.9), scores(0, 0.1)] });
    expect(reply).toMatchObject({ kind: 'answered' });
  });

  it('that flags the question refuses at once', async () => {
    const { reply } = await ask('moderated', { moderates: [scores(0.8, 0)] });
    expect(reply).toMatchObject({
      kind: 'refused',
      message: 'No answer passed validation: openai-compatible/g flags the question: violence.',
    });
  });

  it('is held to a threshold of the release, where it has one', async () => {
    const { run, reply } = await ask('strict', { says: [GOOD, GOOD], moderates: [scores(0, 0.21), scores(0, 0.2)] });
    expect(reply).toMatchObject({ kind: 'answered' });
    const moderated = (await checksOf(run)).filter(({ name }) => name === 'moderated');
    expect(moderated).toMatchObject([
      { passed: false, score: 0.79, threshold: 0.8 },
      { passed: true, score: 0.8, threshold: 0.8 },
    ]);
  });

  it('that cannot be reached keeps the answer back, and the model is not paid again for that', async () => {
    const { run, reply } = await ask('unguarded', {});
    expect(reply).toMatchObject({
      kind: 'refused',
      message: 'No answer passed validation: the check moderated could not be made, so nothing is given out.',
    });
    expect((await stepsOf(run)).filter((step) => step === 'generate')).toHaveLength(1);
  });

  it('comes before the judge, who is not asked of what it flags', async () => {
    const { run } = await ask('both', { moderates: [scores(0, 0)], judges: [rates(5)] });
    expect((await stepsOf(run)).slice(-3)).toEqual(['moderate', 'judgeAnswer', 'record']);
    const { reply } = await ask('both', { moderates: [scores(0.9, 0)] });
    expect(reply).toMatchObject({ kind: 'refused' });
  });
});

itReplaysEveryHistory(engine);
