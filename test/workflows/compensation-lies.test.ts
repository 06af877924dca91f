// Nothing is undone because workflow code says so: which effect may be undone, by what, and with which arguments, the activities find out.
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool } from '../../activities/tools/index.ts';
import type { Digest } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { itReplaysEveryHistory, STAFF, useEngine } from '../support/engine.ts';
import { undoableTools } from '../support/undoable-tools.ts';

const { tools, offered, hidden, of } = undoableTools();
let asked = 0;
/** Says something else each time that it is asked how it is undone. */
const fickle = defineTool({
  name: 'fickle',
  description: 'Does something.',
  input: z.object({ item: z.string() }),
  risk: 'low',
  run: async () => null,
  compensate: {
    tool: 'undo_reserve',
    args: ({ item }) => {
      asked += 1;
      return { item: `${item}-${asked}` };
    },
  },
});
const engine = useEngine({
  tools: [...tools, fickle],
  workflowsPath: fileURLToPath(new URL('./flows/compensation-liars.ts', import.meta.url)),
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  none: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    'desk/manifest.yaml': `name: desk\nversion: 1.0.0\nmodel: none\ntools: [${offered}, fickle]\ncompensations: [${hidden}]\n`,
    'desk/prompt.md': 'Do what is asked.',
  }),
});

const lie = async (request: object) => {
  const run = await engine.client.start('liar', request, { release: 'desk', principal: STAFF });
  return { run, reply: await run.result() };
};
const undone = (item: string) => of(item).filter(({ tool }) => tool.startsWith('undo_'));

it.each([
  ['undoes what another tool is for', { calls: ['reserve'], by: 'undo_hold' }, 'its tool reserve does not say so'],
  ['undoes what nobody can tell', { calls: ['vanish'], by: 'undo_reserve' }, 'it is unknown'],
])('undoes nothing by a call that %s', async (what, request, reason) => {
  const item = what.replaceAll(' ', '-');
  const { reply } = await lie({ ...request, item });
  expect(reply).toMatchObject({
    kind: 'failed',
    code: Failure.CallNotJudged,
    message: expect.stringContaining(reason),
  });
  // What was done is undone by the engine itself, since the run failed; the lie undid nothing.
  expect(undone(item).map(({ tool }) => tool)).toEqual(request.calls[0] === 'reserve' ? ['undo_reserve'] : []);
});

it('undoes nothing by a call that undoes what another run did', async () => {
  const first = await lie({ calls: ['reserve', 'hold'], item: 'others', by: 'undo_hold' });
  expect(first.reply).toMatchObject({ message: 'done' });
  const effects = await engine.client.effects.list({ runId: first.run.id });
  const effectKey = effects.find(({ tool }) => tool === 'reserve')?.effectKey as Digest;
  const { reply } = await lie({ calls: [], item: 'others', by: 'undo_reserve', effectKey });
  expect(reply).toMatchObject({ kind: 'failed', code: Failure.CallNotJudged });
  expect(undone('others').map(({ tool }) => tool)).toEqual(['undo_hold']);
});

it('undoes with the arguments that the tool of the effect makes, whatever the workflow says', async () => {
  const { reply } = await lie({ calls: ['reserve'], item: 'own', by: 'undo_reserve', args: { item: 'own-evil' } });
  expect(reply).toMatchObject({ message: 'done' });
  expect(undone('own').map(({ item }) => item)).toEqual(['reserve-own']);
});

it('undoes nothing by a call that is no compensation, of a tool that only undoes', async () => {
  const { reply } = await lie({
    calls: [],
    item: 'plain',
    by: 'undo_reserve',
    args: { item: 'plain' },
    onItsOwn: true,
  });
  expect(reply).toMatchObject({ message: expect.stringMatching(/^invalid: There is no such tool/) });
  expect(undone('plain')).toEqual([]);
});

it('undoes once what was judged twice, with other arguments each time', async () => {
  const { reply } = await lie({ calls: ['fickle'], item: 'twice', by: 'undo_reserve', times: 2 });
  expect(reply).toMatchObject({ kind: 'failed', code: Failure.EffectUndone });
  expect(undone('twice')).toHaveLength(1);
});

itReplaysEveryHistory(engine);
