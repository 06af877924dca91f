// `countersign subject` as people run it: export, erase, holds, and what other commands say of an erased run.
import { readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { STACK_FRAME, useStack } from '../../support/stack.ts';

const stack = useStack();
const REASON = ['--reason', 'TICKET-4711', '--by', 'ada'];

async function ask(as: string): Promise<string> {
  await stack.run(['ingest', 'examples/knowledge-base/refund-policy', '--collection', 'refund-policy-docs']);
  const asked = await stack.run(['ask', 'How long is a gift card valid?', '--as', as, '--json']);
  return JSON.parse(asked.stdout).runId ?? JSON.parse(asked.stdout).reply.runId;
}

describe('subject', () => {
  it('export writes every run readable into a file for its owner only, and overwrites none', async () => {
    const runId = await ask('customer');
    const file = stack.folder.file('customer.jsonl');
    const written = await stack.run(['subject', 'export', 'customer', '--out', file]);
    expect(written).toMatchObject({ code: 0, stdout: '' });
    expect(written.stderr).toContain(`1 run of customer in ${file}`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      runId,
      request: { question: 'How long is a gift card valid?' },
      reply: { kind: 'answered' },
      missing: [],
    });
    const again = await stack.run(['subject', 'export', 'customer', '--out', file]);
    expect(again.code).toBe(1);
    expect(again.stderr).not.toMatch(STACK_FRAME);
    const printed = await stack.run(['subject', 'export', 'customer']);
    expect(JSON.parse(printed.stdout).runId).toBe(runId);
  });

  it('erase wants to be told twice, and says what it would do', async () => {
    const asked = await stack.run(['subject', 'erase', 'customer', ...REASON]);
    expect(asked.code).toBe(64);
    expect(asked.stderr).toContain('Erasing customer would make 1 run unreadable for good');
  });

  it('hold keeps it from being erased until it is lifted', async () => {
    const held = await stack.run(['subject', 'hold', 'customer', '--reason', 'case 8', '--by', 'legal', '--json']);
    const { id } = JSON.parse(held.stdout);
    expect((await stack.run(['subject', 'holds'])).stdout).toContain('case 8');
    const refused = await stack.run(['subject', 'erase', 'customer', ...REASON, '--yes']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`Subject customer is on hold: ${id}, by legal: case 8`);
    expect((await stack.run(['subject', 'lift', id, '--by', 'legal'])).stdout).toBe(`lifted ${id}\n`);
    expect((await stack.run(['subject', 'holds'])).stderr).toContain('no hold stands');
  });

  it('erase erases; other commands say so, and the runs of others replay', async () => {
    const other = await ask('staff');
    const listed = JSON.parse((await stack.run(['runs', 'list', '--json', '--kind', 'answer'])).stdout) as {
      runId: string;
    }[];
    const runId = listed.find((run) => run.runId !== other)?.runId ?? '';
    const erased = await stack.run(['subject', 'erase', 'customer', ...REASON, '--yes']);
    expect(erased).toMatchObject({ code: 0 });
    expect(erased.stdout).toContain('customer is erased: 1 runs are unreadable, 0 of them were open and ended');
    const shown = await stack.run(['runs', 'show', runId]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain('its content was erased: what is left is this');
    const replayed = await stack.run(['audit', 'replay', runId, other]);
    expect(replayed.code).toBe(0);
    expect(replayed.stdout).toMatch(new RegExp(`^erased +${runId}$`, 'm'));
    expect(replayed.stdout).toMatch(new RegExp(`^ok +${other}$`, 'm'));
    expect(replayed.stderr).toContain('1 of 1 histories replay; 1 erased');
    const history = await stack.run(['runs', 'history', runId]);
    expect(history.code).toBe(1);
    expect(history.stderr).toContain(`The content of run ${runId} was erased`);
    const again = await stack.run(['subject', 'erase', 'customer', ...REASON, '--yes']);
    expect(again.stdout).toContain('nothing to erase: there is no key of customer');
  });

  it('of nobody has nothing to export', async () => {
    const nothing = await stack.run(['subject', 'export', 'nobody']);
    expect(nothing).toMatchObject({ code: 0, stdout: '' });
    expect(nothing.stderr).toContain('0 runs of nobody');
  });
});
