// What stands between a draft and whoever asked: checks of a worker's own, people, and a question back. Real servers; the model is scripted.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { scriptedModel } from '../../testing/scripted-model.ts';
import { defineCheck } from '../../worker/index.ts';
import { COLLECTION, itReplaysEveryHistory, useEngine } from '../support/engine.ts';
import { golden } from '../support/golden.ts';
import { useDecider } from '../support/waiting.ts';

const QUESTION = 'When is my refund paid after the return is checked?';
const GOOD =
  '"Refunds are paid to the original payment method within 5 to 7 business days after the return is checked." [1]';
const CHANGED = GOOD.replace('5 to 7', '2 to 3');

const model = scriptedModel();
let looked: string[] = [];
const note = (name: string, passed: boolean) => {
  looked.push(name);
  return { passed, reason: passed ? 'as it should be' : 'it is not as it should be' };
};
const checks = [
  defineCheck({
    name: 'no-longer-than',
    settings: z.object({ characters: z.number() }),
    check: ({ text }, { settings }) => note('no-longer-than', text.length <= settings.characters),
  }),
  defineCheck({ name: 'abroad', remote: true, check: async () => note('abroad', true) }),
  defineCheck({ name: 'abroad-no', remote: true, check: async () => note('abroad-no', false) }),
  defineCheck({
    name: 'throws',
    check() {
      throw new Error('canary-4711');
    },
  }),
  defineCheck({ name: 'hangs', timeoutMs: 50, check: () => new Promise(() => {}) }),
  defineCheck({ name: 'says-nothing', check: () => undefined as never }),
];

const release = (name: string, policy: string): Record<string, string> => ({
  [`${name}/manifest.yaml`]: `name: ${name}\nversion: 1.0.0\nmodel: scripted-in-test\nretrieval: { collection: ${COLLECTION}, min_score: 0.5 }\npolicy: { ${policy} }\n`,
  [`${name}/prompt.md`]: 'Answer from the passages.',
});
const engine = useEngine({
  checks,
  models: { 'scripted-in-test': model },
  approvers: { ann: ['editors'], stranger: ['elsewhere'] },
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    ...release('own', 'own_checks: { no-longer-than: { characters: 150 } }'),
    ...release('mis-set', 'own_checks: { no-longer-than: { characters: many } }'),
    ...release('both', 'own_checks: { no-longer-than: { characters: 150 }, abroad: true }'),
    ...release('foreign', 'own_checks: { no-longer-than: { characters: 150 }, abroad-no: true }'),
    ...release('throwing', 'own_checks: { throws: true }'),
    ...release('hanging', 'own_checks: { hangs: true }'),
    ...release('silent', 'own_checks: { says-nothing: true }'),
    ...release('unknown', 'own_checks: { of-another-worker: true }'),
    ...release('worded', 'checks: { words: [{ category: rivals, words: [Acme Outlet, Acmé] }] }'),
    ...release('reviewed', 'review: { groups: [editors] }'),
    ...release('asking', 'clarify: true'),
  }),
});
const decider = useDecider(engine);

const ask = async (using: string, turns: readonly string[], question = QUESTION) => {
  await ingested;
  looked = [];
  model.script(question, turns);
  return await engine.ask(question, { release: using });
};
let ingested: Promise<unknown> = Promise.resolve();

describe('a check of one’s own', () => {
  it('has to pass, and is listed with the others', async () => {
    ingested = engine.ingestSample();
    const run = await ask('own', [GOOD]);
    expect(await run.result()).toMatchObject({ kind: 'answered', text: GOOD });
    expect(looked).toEqual(['no-longer-than']);
    const [validation] = (await run.timeline()).steps.filter(({ step }) => step === 'validate');
    expect(validation?.checks?.at(-1)).toEqual({
      name: 'no-longer-than',
      passed: true,
      reason: 'as it should be',
      score: null,
      threshold: null,
    });
  });

  it('that does not pass has the draft repaired, then refused, with its reason', async () => {
    const long = `${GOOD} ${GOOD}`;
    const run = await ask('own', [long, long], `${QUESTION} At length.`);
    expect(await run.result()).toMatchObject({
      kind: 'refused',
      reason: 'validation-failed',
      message: 'No answer passed validation: it is not as it should be.',
    });
    expect(looked).toEqual(['no-longer-than', 'no-longer-than']);
  });

  it.each([
    ['throws', 'throwing', 'the check throws failed'],
    ['hangs', 'hanging', 'the check hangs had not ended after 50 ms'],
    ['says nothing', 'silent', 'the check says-nothing did not say whether the answer passes, and why'],
    ['has settings that it does not take', 'mis-set', 'the check no-longer-than failed'],
    ['the worker does not have', 'unknown', 'the check of-another-worker is not known to this worker'],
  ])('that %s keeps the answer back', async (_, using, why) => {
    const run = await ask(using, [GOOD, GOOD]);
    const reply = await run.result();
    expect(reply).toMatchObject({ kind: 'refused', message: expect.stringContaining(why) });
    expect(JSON.stringify(await run.history())).not.toContain('canary-4711');
  });

  it('that leaves our systems is a step of its own, after all others have passed', async () => {
    const run = await ask('both', [GOOD]);
    expect(await run.result()).toMatchObject({ kind: 'answered', citations: [{ n: 1 }] });
    expect(looked).toEqual(['no-longer-than', 'abroad']);
    const steps = (await run.timeline()).steps;
    expect(steps.map(({ step, kind }) => `${step} ${kind}`)).toContain('checkRemotely activity');
    expect(steps.find(({ step }) => step === 'checkRemotely')?.checks).toMatchObject([
      { name: 'abroad', passed: true },
    ]);
    await golden('answer-checked-remotely', run);
  });

  it('that leaves our systems is not asked of what has not passed, and keeps back what it does not pass', async () => {
    const run = await ask('foreign', [CHANGED, GOOD]);
    expect(await run.result()).toMatchObject({ kind: 'refused', message: expect.stringContaining('not as it should') });
    expect(looked).toEqual(['no-longer-than', 'no-longer-than', 'abroad-no']);
  });
});

describe('a release with lists of words', () => {
  it('gives out nothing with one of them, whatever its case and accents, and says what it is about', async () => {
    const rival = `${GOOD} "Refunds are paid to the original payment method" [1], and ACME\u00a0 outlet does so, too [1].`;
    const run = await ask('worded', [rival, GOOD], `${QUESTION} Elsewhere?`);
    expect(await run.result()).toMatchObject({ kind: 'answered', text: GOOD });
    const [first] = (await run.timeline()).steps.flatMap(({ checks: each }) => (each === undefined ? [] : [each]));
    const moderated = first?.find(({ name }) => name === 'words');
    expect(moderated).toMatchObject({ passed: false, reason: 'the answer has words about rivals' });
  });

  it('refuses a question with one of them', async () => {
    const run = await ask('worded', [GOOD], `${QUESTION} And at acme?`);
    expect(await run.result()).toMatchObject({
      kind: 'refused',
      message: 'No answer passed validation: the question has words about rivals.',
    });
  });
});

describe('a release whose drafts people look at when they do not pass', () => {
  it('hands over the repaired one with the reasons, and gives out what they make of it', async () => {
    const run = await ask('reviewed', [CHANGED, CHANGED]);
    const { approvalId } = await decider.waitingOne(run);
    const approval = await engine.client.approvals.get(approvalId);
    expect(approval).toMatchObject({ kind: 'review' });
    expect(approval.request.preview).toContain('2 to 3 business days');
    expect(approval.request).toMatchObject({
      subject: { reason: expect.stringContaining('do not stand word for word in the passage they cite') },
    });
    await engine.client.approvals.decide(approvalId, {
      decision: 'edit',
      text: 'Within 5 to 7 business days.',
      signer: engine.approver('ann'),
    });
    expect(await run.result()).toMatchObject({ kind: 'answered', text: 'Within 5 to 7 business days.' });
    await golden('answer-reviewed', run);
  });

  it('dismisses it when they do', async () => {
    const run = await ask('reviewed', [CHANGED, CHANGED], `${QUESTION} Please.`);
    const { approvalId } = await decider.waitingOne(run);
    await engine.client.approvals.decide(approvalId, {
      decision: 'reject',
      reason: 'Ask by telephone.',
      signer: engine.approver('ann'),
    });
    expect(await run.result()).toMatchObject({ kind: 'refused', reason: 'by-reviewer', message: 'Ask by telephone.' });
  });

  it('asks nobody about what passes', async () => {
    expect(await (await ask('reviewed', [GOOD], `${QUESTION} Thanks.`)).result()).toMatchObject({ kind: 'answered' });
  });
});

describe('a release that asks back', () => {
  it('gives the model’s question, and nothing of it as an answer', async () => {
    const run = await ask('asking', ['CLARIFY: Do you mean a return or an exchange?']);
    expect(await run.result()).toMatchObject({ kind: 'clarify', question: 'Do you mean a return or an exchange?' });
    expect(await run.trace()).toMatchObject({ outcome: 'clarify' });
    await golden('answer-clarified', run);
  });

  it('answers what has one answer, and takes the word for an answer where no question follows', async () => {
    expect(await (await ask('asking', [GOOD], `${QUESTION} Now.`)).result()).toMatchObject({ kind: 'answered' });
    const run = await ask('asking', ['CLARIFY:', 'CLARIFY:'], `${QUESTION} Again.`);
    expect(await run.result()).toMatchObject({ kind: 'refused', reason: 'validation-failed' });
  });

  it('holds a question back to what an answer has to pass', async () => {
    const leak = 'CLARIFY: Is AKIAIOSFODNN7EXAMPLE your key, will you?';
    expect(await (await ask('asking', [leak, leak], `${QUESTION} Or?`)).result()).toMatchObject({ kind: 'refused' });
  });
});

itReplaysEveryHistory(engine);
