// The tools of a worker: only those that the release pins, as it pins them.
import { describe, expect, it } from 'vitest';
import { createToolbox } from '../../activities/toolbox.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import { testTools } from '../support/test-tools.ts';
import { undoableTools } from '../support/undoable-tools.ts';

const [lookUp, refund] = testTools().tools;
if (lookUp === undefined || refund === undefined) throw new Error('the test tools are gone');

describe('a worker', () => {
  it('gives the tool whose definition is pinned', () => {
    expect(createToolbox([lookUp, refund]).require('refund', refund.definitionHash)).toBe(refund);
  });

  it.each([
    ['has another definition of it', 'refund', lookUp.definitionHash, 'has another definition than the release pins'],
    ['does not have it', 'erase', refund.definitionHash, 'this worker has no such tool'],
  ])('refuses a tool when it %s', (_when, name, hash, message) => {
    const require = () => createToolbox([lookUp, refund]).require(name, hash);
    expect(require).toThrow(message);
    expect(require).toThrow(expect.objectContaining({ type: Failure.ToolChanged, nonRetryable: true }));
  });

  it('does not start with two tools of one name', () => {
    expect(() => createToolbox([refund, refund])).toThrow('Two tools are named refund');
  });

  it('does not start with a tool that is undone by one that it does not have', () => {
    const [reserve, undo] = undoableTools().tools;
    if (reserve === undefined || undo === undefined) throw new Error('the test tools are gone');
    expect(() => createToolbox([reserve])).toThrow(
      'Tool reserve is undone by undo_reserve, which this worker does not have',
    );
    expect(createToolbox([undo, reserve]).names).toEqual(['undo_reserve', 'reserve']);
  });
});
