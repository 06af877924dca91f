// An evaluation end to end on a real engine: answers and refusals are scored, one that was cut off is gone on with, agents' calls are seen and nothing is approved,
// what fails at a provider is an error, and people's marks count where nothing else does.
import { beforeAll, describe, expect, it } from 'vitest';
import type { CaseResult } from '../../evals/case-result.ts';
import type { Evaluate, Evaluated } from '../../evals/runner/evaluate.ts';
import { caseResults, evaluate } from '../../evals/runner/evaluate.ts';
import { findEvaluation, latestEvaluation, listTrials } from '../../evals/runner/ledger.ts';
import { keepMark, listUnmarked } from '../../evals/runner/marks.ts';
import type { EvalSet } from '../../releases/eval-set.ts';
import { parseEvalSet } from '../../releases/eval-set.ts';
import { resolveRelease } from '../../releases/registry.ts';
import { UserError } from '../../runtime/errors.ts';
import { scriptedModel } from '../../testing/scripted-model.ts';
import { CUSTOMER, STAFF, useEngine } from '../support/engine.ts';
import { testTools } from '../support/test-tools.ts';

const TENANT = 'default';
const model = scriptedModel();
const tools = testTools();
const engine = useEngine({
  models: { m: model, gone: { label: 'gone', free: true, call: () => Promise.reject(new Error('canary-4711')) } },
  tools: tools.tools,
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  m: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n  gone: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n  quotes: { provider: local, model: extractive }\n',
    'answers/manifest.yaml':
      'name: answers\nversion: 1.0.0\nmodel: quotes\nretrieval: { collection: refund-policy-docs, min_score: 0.5 }\n',
    'answers/prompt.md': 'Answer.',
    'desk/manifest.yaml': 'name: desk\nversion: 1.0.0\nmodel: m\ntools: [look_up, refund]\n',
    'desk/prompt.md': 'Help.',
    'rewrites/manifest.yaml': 'name: rewrites\nversion: 1.0.0\nmodel: m\n',
    'rewrites/prompt.md': 'Rewrite.',
  }),
});
beforeAll(async () => {
  await (await engine.ingestSample()).result();
});

const setOf = (...cases: readonly object[]): EvalSet => parseEvalSet({ v: 1, name: 'cases', cases }, 'cases.json');
const sql = () => engine.db('gateway').of(TENANT);
async function run(name: string, set: EvalSet, more: Partial<Evaluate> = {}): Promise<Evaluated> {
  const release = await resolveRelease(sql(), TENANT, `${name}@1.0.0`, 'dev');
  return await evaluate({
    client: engine.client,
    sql: sql(),
    tenant: TENANT,
    release,
    set,
    principal: CUSTOMER,
    ...more,
  });
}
const outcomes = (results: readonly CaseResult[]) => results.map(({ id, outcome }) => [id, outcome]);

const PAID = 'Refunds are paid to the original payment method within 5 to 7 business days after the return is checked.';
const cases = setOf(
  {
    id: 'right',
    question: 'When is my refund paid after the return is checked?',
    tags: ['direct'],
    severity: 'critical',
    cluster: 'refunds',
    expect: { behaviour: 'answer', quote: PAID, cite: ['refund-policy.md'] },
  },
  { id: 'wrong', question: 'How long is a gift card valid?', expect: { answer_any: ['12 months'] } },
  { id: 'refused', question: 'Do you sell used spaceships?', expect: { behaviour: 'refuse' } },
  { id: 'prose', question: 'What does express delivery cost?', expected: 'It costs €12.90.' },
);

describe('an evaluation', () => {
  it('asks each case as a run of its own, and says what was seen of it', async () => {
    const { id, resumed, results } = await run('answers', cases);
    expect(resumed).toBe(false);
    expect(outcomes(results)).toEqual([
      ['right', 'passed'],
      ['wrong', 'failed'],
      ['refused', 'passed'],
      ['prose', 'unscored'],
    ]);
    const [right, wrong] = results;
    expect(right).toMatchObject({ tags: ['direct'], severity: 'critical', cluster: 'refunds' });
    expect(wrong).toMatchObject({ severity: 'major', cluster: 'wrong' });
    const [trial] = right?.trials ?? [];
    // The document that it cites is the first that was found; a case that cites none has nothing to find.
    expect(trial).toMatchObject({ trial: 0, costUsd: 0, latencyMs: expect.any(Number), ndcg10: 1 });
    expect(wrong?.trials[0]).not.toHaveProperty('ndcg10');
    expect(trial?.verdicts.map(({ scorer, passed }) => [scorer, passed])).toEqual([
      ['behaviour', true],
      ['cite', true],
      ['quote', true],
    ]);
    expect(await engine.client.run(trial?.runId as never).result()).toMatchObject({ kind: 'answered' });
    expect(await findEvaluation(sql(), { tenant: TENANT, id })).toMatchObject({
      ...{ suite: 'cases', cases: 4, trials: 4, by: 'customer', endedAt: expect.any(Date) },
    });
    expect(await latestEvaluation(sql(), { tenant: TENANT })).toMatchObject({ id });
  });

  it('keeps no text of a reply in the ledger', async () => {
    const latest = await latestEvaluation(sql(), { tenant: TENANT });
    const rows = await engine.sql('owner')`select * from evaluation_results where evaluation = ${latest?.id ?? ''}`;
    expect(rows).toHaveLength(4);
    expect(JSON.stringify(rows)).not.toContain('3 years');
  });

  it('reads the grounding of a reply where a case asks, and takes scores of it', async () => {
    const question = 'When is my refund paid after the return is checked?';
    model.script('Give JSON', ['{"days": 7}']);
    const grounded = setOf(
      {
        id: 'measured',
        question,
        expect: { min_grounding: 0.9, scores: [{ scorer: 'Levenshtein', expected: PAID, at_least: 0.9 }] },
      },
      { id: 'unlike', question, expect: { scores: [{ scorer: 'Levenshtein', expected: 'Never.', at_least: 0.9 }] } },
    );
    const { results } = await run('answers', grounded);
    expect(outcomes(results)).toEqual([
      ['measured', 'passed'],
      ['unlike', 'failed'],
    ]);
    const json = setOf({
      id: 'json',
      question: 'Give JSON',
      expect: { min_grounding: 0, schema: { required: ['days'] } },
    });
    const [only] = (await run('rewrites', json)).results;
    expect(only?.outcome).toBe('failed');
    expect(only?.trials[0]?.verdicts).toMatchObject([
      { scorer: 'schema', passed: true },
      { scorer: 'min_grounding', passed: false, reason: expect.stringContaining('was not measured') },
    ]);
  });

  it('that is cut off is gone on with, and pays for nothing twice', async () => {
    const set = setOf(
      ...Array.from({ length: 12 }, (_, i) => ({ id: `c${i}`, question: `Rewrite ${i}`, expect: { exact: `${i}` } })),
    );
    for (let i = 0; i < 12; i++) model.script(`Rewrite ${i}`, [`${i}`]);
    const stop = new AbortController();
    const cut = run('rewrites', set, {
      signal: stop.signal,
      concurrency: 2,
      onProgress: (_, fraction) => {
        if (fraction >= 0.4) stop.abort(new Error('stopped'));
      },
    });
    await expect(cut).rejects.toThrow('stopped');
    const { id, resumed, results } = await run('rewrites', set);
    expect(resumed).toBe(true);
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['passed']));
    const runs = results.flatMap(({ trials }) => trials.map(({ runId }) => runId));
    expect(new Set(runs).size).toBe(12);
    const ledgered = await engine.sql('owner')<{ count: number }[]>`
      select count(*)::int as count from start_ledger where kind = 'answer' and run_id = any(${runs as string[]}::text[])`;
    expect(ledgered[0]?.count).toBe(12);
    const next = await run('rewrites', setOf({ id: 'other', question: 'Rewrite 0', expect: { exact: '0' } }), {});
    expect(next.id).not.toBe(id);
  });

  it('asks a case as often as it says, and one that sometimes passes has failed', async () => {
    const sides = ['heads', 'tails', 'heads'].values();
    model.script('Flip', [() => sides.next().value ?? 'edge']);
    const set = setOf({ id: 'flip', question: 'Flip', trials: 3, expect: { exact: 'heads' } });
    const { results } = await run('rewrites', set, { concurrency: 1 });
    const [flip] = results;
    expect(flip?.trials).toHaveLength(3);
    expect(flip?.trials.map(({ trial, outcome }) => [trial, outcome])).toEqual([
      [0, 'passed'],
      [1, 'failed'],
      [2, 'passed'],
    ]);
    expect(flip?.outcome).toBe('failed');
  });

  it('whose provider fails has an error, and not a failure', async () => {
    const { results } = await run(
      'rewrites',
      setOf({ id: 'e', question: 'nobody scripted this', expect: { exact: 'x' } }),
    );
    expect(outcomes(results)).toEqual([['e', 'error']]);
    expect(JSON.stringify(results)).not.toContain('canary');
  });
});

describe('an evaluation of an agent', () => {
  it('sees which tools it asked for, in order, and approves nothing', async () => {
    model.script('look up A-1', [{ calls: [{ tool: 'look_up', args: { order: 'A-1' } }] }, 'It is A-1.']);
    model.script('refund A-2', [{ calls: [{ tool: 'refund', args: { order: 'A-2', cents: 5 } }] }]);
    const set = setOf(
      {
        id: 'looks',
        question: 'look up A-1',
        expect: { tool_calls: [{ tool: 'look_up', args: { order: 'A-1' } }], approvals: 0 },
      },
      {
        id: 'asks',
        question: 'refund A-2',
        expect: { tool_calls: [{ tool: 'refund', args: { order: 'A-2' } }], approvals: 1 },
      },
      { id: 'other', question: 'look up A-1', expect: { tool_calls: [{ tool: 'refund' }] } },
    );
    const { results } = await run('desk', set, { principal: STAFF, concurrency: 1 });
    expect(outcomes(results)).toEqual([
      ['looks', 'passed'],
      ['asks', 'passed'],
      ['other', 'failed'],
    ]);
    expect(tools.effects.filter(({ tool }) => tool === 'refund')).toEqual([]);
  });
});

describe('marks of people', () => {
  it('count where nothing else does, and nowhere else', async () => {
    const { id } = await run('answers', cases);
    const ofThis = { tenant: TENANT, evaluation: id };
    expect(await listUnmarked(sql(), ofThis, 'ada')).toMatchObject([{ caseId: 'prose', trial: 0 }]);
    const mark = { caseId: 'prose', trial: 0, passed: true, reason: 'it says so', by: 'ada' };
    await keepMark(sql(), ofThis, mark);
    expect(await listUnmarked(sql(), ofThis, 'ada')).toEqual([]);
    expect(await listUnmarked(sql(), ofThis, 'bo')).toHaveLength(1);
    const prose = async () => caseResults(cases.cases, await listTrials(sql(), ofThis)).at(-1)?.outcome;
    expect(await prose()).toBe('passed');
    await keepMark(sql(), ofThis, { ...mark, by: 'bo', passed: false });
    expect(await prose()).toBe('failed');
    await keepMark(sql(), ofThis, { ...mark, by: 'bo' });
    expect(await prose()).toBe('passed');
    await expect(keepMark(sql(), ofThis, { ...mark, caseId: 'wrong' })).rejects.toThrow(UserError);
    await expect(keepMark(sql(), ofThis, { ...mark, caseId: 'none' })).rejects.toThrow('has no case none');
  });

  it('are asked of an evaluation that there is', async () => {
    await expect(findEvaluation(sql(), { tenant: TENANT, id: 'NONE' })).rejects.toThrow('No evaluation NONE');
    await expect(findEvaluation(sql(), { tenant: TENANT, id: '' })).rejects.toThrow('More than one evaluation');
  });
});
