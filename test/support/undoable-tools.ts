// Tools that name what undoes them, for tests of compensations: they keep what is there, in this process, and in which order it went.
import { z } from 'zod';
import { defineTool, ToolFailure } from '../../activities/tools/index.ts';

export interface Done {
  readonly tool: string;
  readonly item: string;
  readonly key: string;
}

export interface UndoableTools {
  readonly tools: readonly ReturnType<typeof defineTool>[];
  /** Names of those that a model may ask for, and of those that it may not. */
  readonly offered: string;
  readonly hidden: string;
  /** What was done to the items that begin so, in order. */
  of(prefix: string): readonly Done[];
}

interface Ways {
  /** What the undoing tool does beside. */
  readonly run?: () => void;
  /** Of the tool that is undone. */
  readonly idempotent?: boolean;
}

export function undoableTools(): UndoableTools {
  const done: Done[] = [];
  const item = z.object({ item: z.string().min(1) });
  const note = (tool: string, { item: name }: { item: string }, key: string): void =>
    void done.push({ tool, item: name, key });
  /** `NAME` and `undo_NAME`, of that risk. */
  const pair = (name: string, risk: 'low' | 'high', { run = () => {}, idempotent = false }: Ways = {}) => [
    defineTool({
      name,
      description: `Does ${name}.`,
      input: item,
      risk: 'low',
      idempotent,
      run: async (args, { idempotencyKey }) => {
        note(name, args, idempotencyKey);
        return { id: `${name}-${args.item}` };
      },
      compensate: { tool: `undo_${name}`, args: (_args, { id }) => ({ item: id }) },
    }),
    defineTool({
      name: `undo_${name}`,
      description: `Undoes ${name}.`,
      input: item,
      risk,
      idempotent: true,
      run: async (args, { idempotencyKey }) => {
        note(`undo_${name}`, args, idempotencyKey);
        run();
        return null;
      },
      receipt: () => `gone`,
    }),
  ];
  const tools = [
    ...pair('reserve', 'low'),
    ...pair('hold', 'low', { idempotent: true }),
    /** Undone only when people approve. */
    ...pair('charge', 'high'),
    /** Its compensation is refused by whom it asks. */
    ...pair('ship', 'low', {
      run: () => {
        throw new ToolFailure('It is on its way.');
      },
    }),
    /** Its compensation is forbidden by the policy of the test. */
    ...pair('announce', 'low'),
    /** Nobody knows what became of it. */
    defineTool({
      name: 'vanish',
      description: 'Ends in an error.',
      input: item,
      risk: 'low',
      run: async (args, { idempotencyKey }) => {
        note('vanish', args, idempotencyKey);
        throw new TypeError('lost');
      },
      compensate: { tool: 'undo_reserve', args: (args) => args },
    }),
    /** Its result is not kept. */
    defineTool({
      name: 'dump',
      description: 'Gives back what is not JSON.',
      input: item,
      risk: 'low',
      run: async (args, { idempotencyKey }) => {
        note('dump', args, idempotencyKey);
        return new Date(0);
      },
      compensate: { tool: 'undo_reserve', args: (args) => args },
    }),
    /** Cannot say how it is undone. */
    defineTool({
      name: 'muddle',
      description: 'Does something.',
      input: item,
      risk: 'low',
      run: async (args, { idempotencyKey }) => {
        note('muddle', args, idempotencyKey);
        return null;
      },
      compensate: {
        tool: 'undo_reserve',
        args: (args) => {
          throw new RangeError(`secret of ${args.item}`);
        },
      },
    }),
    /** Says it with arguments that the other does not take. */
    defineTool({
      name: 'garble',
      description: 'Does something.',
      input: item,
      risk: 'low',
      run: async (args, { idempotencyKey }) => {
        note('garble', args, idempotencyKey);
        return null;
      },
      compensate: { tool: 'undo_reserve', args: () => ({ items: 3 }) },
    }),
  ];
  const names = tools.map(({ definition }) => definition.name);
  return {
    tools,
    offered: names.filter((name) => !name.startsWith('undo_')).join(', '),
    hidden: names.filter((name) => name.startsWith('undo_')).join(', '),
    of: (prefix) => done.filter(({ item: name }) => name.includes(prefix)),
  };
}
