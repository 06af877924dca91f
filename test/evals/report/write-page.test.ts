// The page as a command writes it: with the replies that are still kept, asked for a few at a time.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Measuring } from '../../../cli/eval/measure.ts';
import type { WrittenPage } from '../../../cli/eval/page.ts';
import { pageReply, writePage } from '../../../cli/eval/page.ts';
import { judgeEvals } from '../../../evals/gate/judge.ts';
import type { EvalSet } from '../../../releases/eval-set.ts';
import { parseEvalSet } from '../../../releases/eval-set.ts';
import type { Release } from '../../../releases/release.ts';
import type { Reply } from '../../../workflows/protocol/index.ts';
import { resultOf } from './sample.ts';

const ID = '01JDZ0000000000000000000AB';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-page-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const answered = (text: string): Reply =>
  ({ v: 1, runId: 'default/answer/x', kind: 'answered', text, citations: [], model: 'm' }) as unknown as Reply;

/** Knows one evaluation, and what came of runs. */
const measuringOf = (result: (runId: string) => Promise<Reply>): Measuring =>
  ({
    client: { run: (runId: string) => ({ result: async () => await result(runId) }) },
    sql: async () => [{ id: ID, startedAt: new Date('2026-01-02T03:04:05Z') }],
  }) as unknown as Measuring;

const releaseOf = (version: string): Release =>
  ({ digest: `sha256:${version}`, body: { name: 'refund', version } }) as unknown as Release;

const setOf = (ids: readonly string[]): EvalSet =>
  parseEvalSet(
    {
      v: 1,
      name: 'refunds',
      cases: ids.map((id) => ({ id, question: `Asked of ${id}?`, expected: `Right for ${id}.` })),
    },
    'evals.json',
  );

async function written(measuring: Measuring, page: Omit<WrittenPage, 'release' | 'set' | 'evaluationId' | 'verdict'>) {
  const file = join(folder, 'page.html');
  const verdict = judgeEvals({ candidate: page.results, minPassRate: 0.9 });
  const set = setOf(page.results.map(({ id }) => id));
  await writePage(measuring, { ...page, release: releaseOf('2'), set, evaluationId: ID, verdict }, file);
  return readFileSync(file, 'utf8');
}

it('has the reply of each run, and says of one that is gone that it is not kept', async () => {
  const page = await written(
    measuringOf(async (runId) => {
      if (runId === 'run-gone-0') throw new Error('erased');
      return answered(`Reply of ${runId}.`);
    }),
    { results: [resultOf('there'), resultOf('gone', { outcome: 'failed' })] },
  );
  expect(page).toContain('Reply of run-there-0.');
  expect(page.match(/not kept/g)).toHaveLength(1);
  expect(page).toContain('Asked of gone?');
  expect(page).toContain('right answer: Right for gone.');
  expect(page).toContain('refund@2');
  expect(page).toContain('2026-01-02 03:04 UTC');
});

it('takes the trial that ended as the case did', async () => {
  const results = [resultOf('flips', { outcome: 'failed', trials: ['passed', 'failed'] })];
  const page = await written(
    measuringOf(async (runId) => answered(`Reply of ${runId}.`)),
    { results },
  );
  expect(page).toContain('Reply of trial 2: answered');
  expect(page).toContain('Reply of run-flips-1.');
});

it('asks for the replies of a baseline only where a case does not pass on both sides', async () => {
  const asked: string[] = [];
  const page = await written(
    measuringOf(async (runId) => {
      asked.push(runId);
      return answered(`Reply ${asked.length}.`);
    }),
    {
      results: [resultOf('same'), resultOf('worse', { outcome: 'failed' })],
      baseline: { release: releaseOf('1'), results: [resultOf('same'), resultOf('worse')] },
    },
  );
  expect(asked.toSorted()).toEqual(['run-same-0', 'run-worse-0', 'run-worse-0']);
  expect(page).toContain('refund@1');
  expect(page).toContain('newly failed');
});

it('asks for at most eight at once', async () => {
  let open = 0;
  let most = 0;
  const results = Array.from({ length: 40 }, (_, at) => resultOf(`case-${at}`));
  const page = await written(
    measuringOf(async (runId) => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((done) => setTimeout(done, 1));
      open -= 1;
      return answered(`Reply of ${runId}.`);
    }),
    { results },
  );
  expect(most).toBe(8);
  for (const { id } of results) expect(page).toContain(`Reply of run-${id}-0.`);
});

it('shows the words of each kind of reply', () => {
  const replies = [
    { kind: 'refused', reason: 'nothing-found', message: 'Nothing was found.' },
    { kind: 'clarify', question: 'Which order?' },
    { kind: 'failed', code: 'ModelFailed', message: 'The model is away.' },
    { kind: 'budget-exhausted', limit: 'turns', last: null },
    { kind: 'handed-over', reviewId: 'x' },
  ] as unknown as readonly Reply[];
  expect(replies.map(pageReply)).toEqual([
    { kind: 'refused, nothing-found', text: 'Nothing was found.' },
    { kind: 'clarify', text: 'Which order?' },
    { kind: 'failed, ModelFailed', text: 'The model is away.' },
    { kind: 'budget-exhausted, turns', text: '' },
    { kind: 'handed-over', text: '' },
  ]);
});
